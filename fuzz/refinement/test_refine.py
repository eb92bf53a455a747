#!/usr/bin/env python3
"""Traces made by hand: what the checker must accept, and one planted fault each that it must refuse.

    python3 fuzz/refinement/test_refine.py
"""

import contextlib
import io
import json
import os
import tempfile
import unittest

from paxos import Checker
from quorums import FREE, Quorums
from refine import main
from trace import Refused, Unreadable, read, replay


def ballot(term, owner, step=0):
    return term << 24 | owner << 8 | step


A, B, C = ballot(1, 0), ballot(2, 1), ballot(3, 2)
"""The first ballots of three terms, of n0, n1 and n2."""
FAST, NEXT, LAST = A + 1, A + 2, A + 3


class Run:
    """Writes a trace, line by line."""

    def __init__(self, node_count=3, variant="multi", quorums=()):
        self.lines, self.variant = [], variant
        self.quorums = Quorums(range(node_count), *quorums)

    def line(self, node, step, slot=None, round=None, value=None, vote=None, fast=False):
        named = round is not None
        self.lines.append({
            "at_us": len(self.lines), "node": node, "step": step, "slot": slot, "round": round,
            "owner": round >> 8 & 0xFFFF if named else None, "fast": fast if named else None, "value": value,
            "voted_round": vote and vote[0], "voted_owner": vote and vote[0] >> 8 & 0xFFFF, "voted_value": vote and vote[1],
        })
        return self

    def prepare(self, round, slot=0):
        return self.line(round >> 8 & 0xFFFF, "prepare", slot, round)

    def promise(self, nodes, round, slot=0, votes=(), rest=True):
        """`votes`: (slot, ballot, value) in order; `slot`: that of the line without a vote, if there is no vote."""
        for node in nodes:
            at = self.lines[-1]["at_us"]
            for voted, number, value in votes:
                self.line(node, "promise", voted, round, vote=(number, value))
                self.lines[-1]["at_us"] = at
                slot = voted + 1
            if rest:
                self.line(node, "promise", slot, round)
                self.lines[-1]["at_us"] = at
        return self

    def propose(self, round, value, slot=0):
        return self.line(round >> 8 & 0xFFFF, "propose", slot, round, value)

    def any(self, round, slot=0):
        return self.line(round >> 8 & 0xFFFF, "any", slot, round, fast=True)

    def vote(self, nodes, round, value, slot=0, fast=False):
        for node in nodes:
            self.line(node, "vote", slot, round, value, fast=fast)
        return self

    def chosen(self, node, value, slot=0, step="chosen"):
        return self.line(node, step, slot, value=value)

    def check(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "run.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in self.lines)
            single = self.variant in ("basic", "simple")
            checker = Checker(self.quorums, fast=self.variant == "fast", slot_by_slot=single)
            replay([read(path, single)], checker.take)
            return checker


def led(count=3, variant="multi", nodes=(0, 1)):
    """n0 leads in ballot A."""
    return Run(count, variant).prepare(A).promise(nodes, A)


def opened(count=4):
    """n0 has opened its fast ballot for all slots; three of four are a quorum of each kind."""
    return led(count, "fast", range(count)).any(FAST)


class Cases(unittest.TestCase):
    def accepts(self, run):
        try:
            return run.check()
        except Refused as refused:
            self.fail(str(refused))

    def refuses(self, run, guard, last=True):
        """The last line is refused, for this reason."""
        with self.assertRaises(Refused) as caught:
            run.check()
        self.assertIn(guard, caught.exception.guard, str(caught.exception))
        if last:
            self.assertEqual(caught.exception.step.line, len(run.lines), str(caught.exception))


class Classic(Cases):
    def test_a_value_is_chosen_executed_and_found_by_the_next_leader(self):
        run = led().propose(A, "x").vote([0, 1], A, "x").chosen(2, "x").chosen(2, "x", step="apply")
        run.prepare(B).promise([1], B, votes=[(0, A, "x")]).promise([2], B).propose(B, "x").propose(B, "y", slot=1)
        run.vote([1, 2], B, "x").vote([1, 2], B, "y", slot=1)
        checker = self.accepts(run)
        self.assertEqual({slot: known[0] for slot, known in checker.state.chosen.items()}, {0: "x", 1: "y"})

    def test_with_a_phase_one_for_each_slot_a_promise_is_for_its_slot_alone(self):
        run = Run(variant="basic").prepare(A).promise([0, 1], A).propose(A, "x")
        self.accepts(run)
        run.prepare(A, slot=1).promise([0], A, slot=1)
        self.refuses(run.propose(A, "y", slot=1), "some phase 1 quorum's reports")

    def test_a_repeated_message_and_a_restart_change_nothing(self):
        run = led().propose(A, "x").vote([0], A, "x").line(0, "crash").line(0, "restart")
        run.prepare(A).promise([0], A, votes=[(0, A, "x")]).propose(A, "x").vote([0, 1], A, "x")
        self.assertEqual(self.accepts(run).actions["stutter"], 6)

    def test_a_promise_may_leave_after_a_later_vote(self):
        run = Run().prepare(A).prepare(B).promise([1, 2], B).propose(B, "y").vote([1], B, "y").promise([0, 1], A)
        self.refuses(self.accepts(run) and run.propose(A, "x").vote([1], A, "x"), "b >= maxBal[a]")

    def test_but_not_after_one_that_was_cast_before_anybody_asked(self):
        run = Run().prepare(B).promise([1, 2], B).propose(B, "y").vote([1], B, "y").prepare(A)
        self.refuses(run.promise([1], A), "b > maxBal[a], at some moment")

    def test_a_promise_that_is_cut_goes_on_in_the_next(self):
        run = led().propose(A, "x").propose(A, "y", 1).propose(A, "z", 3)
        run.vote([0], A, "x").vote([0], A, "y", 1).vote([0], A, "z", 3)
        run.prepare(B).promise([1], B).promise([0], B, votes=[(0, A, "x"), (1, A, "y")], rest=False)
        run.prepare(B, slot=2).promise([0], B, votes=[(3, A, "z")])
        self.accepts(run.propose(B, "z", 3).propose(B, "w", 2))

    def test_two_promises_that_are_cut_may_leave_at_once(self):
        run = led().prepare(B)
        for slot, value in enumerate("xyz"):
            run.propose(A, value, slot).vote([0, 1], A, value, slot)
        run.prepare(B, slot=2).promise([1], B, votes=[(0, A, "x"), (2, A, "z")], rest=False)
        self.accepts(run)
        answers = run.check().state.acceptors[1]
        self.assertEqual([answers.answer(B, slot) is not None for slot in range(3)], [True, False, True])

    def test_a_snapshot_stands_for_chosen_slots_only(self):
        run = led().propose(A, "x").vote([0, 1], A, "x").line(2, "install", 1)
        self.accepts(run)
        self.refuses(run.line(2, "install", 2), "slot 1 has the value")

    def test_two_files_may_have_lines_in_the_same_microsecond(self):
        run = led(nodes=(0,)).promise([1], A).propose(A, "x").vote([1], A, "x")
        for line in run.lines:
            line["at_us"] = 5
        with tempfile.TemporaryDirectory() as directory:
            paths = []
            for node in (1, 0):
                paths.append(os.path.join(directory, f"n{node}"))
                with open(paths[-1], "w", encoding="utf-8") as file:
                    file.writelines(json.dumps(line) + "\n" for line in run.lines if line["node"] == node)
            checker = Checker(run.quorums)
            self.assertEqual(replay([read(path, False) for path in paths], checker.take), 5)


class ClassicFaults(Cases):
    def test_a_vote_below_a_promise(self):
        run = led().propose(A, "x").prepare(B).promise([1], B)
        self.refuses(run.vote([1], A, "x"), "b >= maxBal[a]")

    def test_a_restart_is_no_excuse_for_it(self):
        run = led().propose(A, "x").prepare(B).promise([1], B).line(1, "crash").line(1, "restart")
        self.refuses(run.vote([1], A, "x"), "b >= maxBal[a]")

    def test_a_vote_lost_in_a_restart(self):
        run = led().propose(A, "x").vote([1], A, "x").line(1, "crash").line(1, "restart").prepare(B)
        self.refuses(run.promise([1], B), "a phase 1b reports")

    def test_a_promise_that_omits_a_vote_between_two(self):
        run = led().propose(A, "x").propose(A, "y", 1).propose(A, "z", 2)
        run.vote([0], A, "x").vote([0], A, "y", 1).vote([0], A, "z", 2).prepare(B)
        self.refuses(run.promise([0], B, votes=[(0, A, "x"), (2, A, "z")]), "a phase 1b reports", last=False)

    def test_a_promise_of_a_vote_that_was_not_cast(self):
        self.refuses(led().prepare(B).promise([1], B, votes=[(0, A, "x")]), "a phase 1b reports", last=False)

    def test_a_promise_that_nobody_asked_for(self):
        self.refuses(Run().prepare(A, slot=2).promise([1], A, slot=1), "asked for this slot")

    def test_a_proposal_other_than_the_highest_vote(self):
        run = led().propose(A, "x").vote([0], A, "x").prepare(B).promise([1, 2], B).propose(B, "y").vote([1], B, "y")
        run.prepare(C).promise([0], C, votes=[(0, A, "x")]).promise([1], C, votes=[(0, B, "y")])
        self.refuses(run.propose(C, "x"), "some phase 1 quorum's reports")

    def test_a_proposal_without_a_quorum_of_promises(self):
        self.refuses(led(nodes=(0,)).propose(A, "x"), "some phase 1 quorum's reports")

    def test_two_values_in_a_ballot(self):
        self.refuses(led().propose(A, "x").propose(A, "y"), "no second phase 2a")

    def test_a_ballot_of_another(self):
        self.refuses(led().line(1, "propose", 0, A, "x"), "its own ballots")

    def test_a_vote_for_what_nobody_proposed(self):
        self.refuses(led().propose(A, "x").vote([0], A, "y"), "a phase 2a of the ballot has this value")

    def test_a_choice_without_a_quorum(self):
        run = led().propose(A, "x").vote([0], A, "x")
        for step in ("chosen", "apply"):
            run.chosen(0, "x", step=step)
            self.refuses(run, "slot 0 has the value")
            run.lines.pop()

    def test_the_quorum_of_another_value(self):
        self.refuses(led().propose(A, "x").vote([0, 1], A, "x").chosen(0, "y"), "slot 0 has the value")

    def test_slots_out_of_turn(self):
        run = led().propose(A, "x").propose(A, "y", 1).vote([0, 1], A, "x").vote([0, 1], A, "y", 1)
        self.refuses(run.chosen(0, "y", slot=1, step="apply"), "slots are executed in turn")


class Fast(Cases):
    def test_clients_are_voted_for_and_a_fast_quorum_chooses(self):
        run = opened().vote([0, 1, 2], FAST, "x", fast=True).chosen(3, "x")
        self.accepts(run)
        self.refuses(opened().vote([0, 1], FAST, "x", fast=True).chosen(3, "x"), "slot 0 has the value")

    def test_a_collision_is_recovered_by_the_coordinator(self):
        run = opened().vote([0, 1], FAST, "x", fast=True).vote([2, 3], FAST, "y", fast=True)
        self.accepts(run.propose(NEXT, "y").vote([0, 1, 2], NEXT, "y").chosen(0, "y"))

    def test_and_by_the_acceptors(self):
        run = opened().vote([0, 1], FAST, "x", fast=True).vote([2, 3], FAST, "y", fast=True)
        run.vote([0, 1, 2], NEXT, "y", fast=True).chosen(0, "y")
        self.accepts(run.propose(LAST, "y").vote([0, 1, 2], LAST, "y"))

    def test_and_in_a_new_classic_ballot(self):
        run = opened().vote([0, 1], FAST, "x", fast=True).vote([2, 3], FAST, "y", fast=True).prepare(B)
        run.promise([0, 1], B, votes=[(0, FAST, "x")]).promise([2, 3], B, votes=[(0, FAST, "y")])
        self.accepts(run.propose(B, "z"))

    def test_o4_counts_acceptors_in_the_quorum_that_reports(self):
        fast = {FAST: True}.get
        quorums = Quorums(range(5))
        x, y = (FAST, "x"), (FAST, "y")
        self.assertEqual((quorums.one, quorums.two, quorums.fast), (3, 3, 4))
        self.assertEqual(quorums.choice({0: x, 1: x, 2: y}, fast), "x")
        self.assertIs(quorums.choice({0: x, 1: x, 2: x, 3: y, 4: y}, fast), FREE)
        self.assertIs(quorums.choice({0: None, 1: None, 2: None}, fast), FREE)
        self.assertEqual(quorums.choice({0: None, 1: x, 2: None}, fast), "x")


class FastFaults(Cases):
    def split(self):
        """Three votes of four for x, one for y: x may be chosen (it is)."""
        return opened().vote([0, 1, 2], FAST, "x", fast=True).vote([3], FAST, "y", fast=True)

    def test_a_recovery_that_ignores_o4(self):
        self.refuses(self.split().propose(NEXT, "y"), "some phase 1 quorum's reports")

    def test_a_new_ballot_that_ignores_o4(self):
        run = self.split().prepare(B).promise([1, 2], B, votes=[(0, FAST, "x")]).promise([3], B, votes=[(0, FAST, "y")])
        self.refuses(run.propose(B, "y"), "some phase 1 quorum's reports")

    def test_acceptors_that_ignore_o4(self):
        self.refuses(self.split().vote([3], NEXT, "y", fast=True), "the votes of some phase 1 quorum")

    def test_acceptors_that_recover_without_a_quorum_of_votes(self):
        run = opened().vote([0], FAST, "x", fast=True).vote([1], FAST, "y", fast=True)
        self.refuses(run.vote([0], NEXT, "y", fast=True), "the votes of some phase 1 quorum")

    def test_a_coordinator_that_reads_votes_of_two_steps_below_as_promises(self):
        run = opened().vote([0, 1], FAST, "x", fast=True).vote([2, 3], FAST, "y", fast=True)
        self.refuses(run.vote([0], NEXT, "x", fast=True).propose(LAST, "y"), "some phase 1 quorum's reports")

    def test_two_votes_in_a_fast_ballot(self):
        self.refuses(opened().vote([0], FAST, "x", fast=True).vote([0], FAST, "y", fast=True), "one vote in a ballot")

    def test_a_vote_in_a_fast_ballot_that_is_not_open_there(self):
        run = led(4, "fast", range(4)).any(FAST, slot=1)
        self.refuses(run.vote([0], FAST, "x", fast=True), "a phase 2a of the ballot has this value")

    def test_any_where_a_value_was_voted_for(self):
        run = led(4, "fast", range(4)).propose(A, "x").vote([0], A, "x").prepare(B)
        run.promise([0], B, votes=[(0, A, "x")]).promise([1, 2], B)
        run.promise([3], B)
        self.accepts(run.any(B + 1, slot=1))
        run.lines[-1]["slot"] = 0
        self.accepts(run)  # The quorum of n1, n2, n3 has no vote.
        run.lines.pop(-2)
        self.refuses(run, "some phase 1 quorum's reports leave every value")

    def test_a_value_and_any_in_neighbouring_ballots_of_a_slot(self):
        self.refuses(opened().propose(A, "x"), "the next ballot of this coordinator has not begun")


class Usage(unittest.TestCase):
    def run_main(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(arguments)
            except SystemExit as exit:
                code = exit.code
        return code, out.getvalue() + err.getvalue()

    def check(self, run, *arguments):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "run.jsonl")
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in run.lines)
            return self.run_main(*arguments, path)

    def test_the_exit_code_tells_which(self):
        good, multi = led().propose(A, "x"), ("--variant", "multi", "--acceptors", "3")
        self.assertEqual(self.check(good, *multi)[0], 0)
        code, text = self.check(led().propose(A, "x").propose(A, "y"), *multi)
        self.assertEqual(code, 1)
        self.assertIn("run.jsonl:5: Phase2a", text)
        self.assertIn("has proposed x in slot 0", text)

    def test_what_is_not_covered_is_not_accepted(self):
        code, text = self.check(led(5, nodes=(0, 4)), "--variant", "multi", "--acceptors", "3")
        self.assertEqual((code, "members change" in text), (2, True))
        code, text = self.check(opened(), "--variant", "multi", "--acceptors", "4")
        self.assertEqual((code, "--variant fast" in text), (2, True))
        for arguments in (("--variant", "multi", "--acceptors", "5", "--quorums", "2,3"), ("--acceptors", "x"), ()):
            self.assertEqual(self.check(led(), *arguments)[0], 2)
        self.assertEqual(self.run_main("--variant", "multi", "--acceptors", "3", "/nonexistent")[0], 2)
        with self.assertRaises(Unreadable):
            Run().line(0, "dance").check()

    def test_help_says_how(self):
        code, text = self.run_main("--help")
        self.assertEqual((code, "exit codes" in text and "examples" in text), (0, True))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Plants faults in traces of real runs, one at a time, and counts how many the checker refuses.

    python3 fuzz/refinement/mutate.py [--binary target/debug/paxos-bench] [--seeds 20]

Each row is one kind of fault. A trace that offers no place for it is not counted. `--show` prints those that are
accepted, or refused at another line than the planted one.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

from paxos import Checker
from quorums import Quorums
from trace import Refused, read, replay


class Lines(list):
    """A trace as a list of dicts, with what the faults look for."""

    def steps(self, *names):
        return [(i, line) for i, line in enumerate(self) if line["step"] in names]

    planted = None
    """The line that is wrong, where one is."""
    acceptors = 0

    def _with(self, lines, planted):
        lines = Lines(lines)
        lines.planted, lines.acceptors = planted, self.acceptors
        return lines

    def with_line(self, at, line):
        return self._with(self[:at] + [line] + self[at:], at + 1)

    def without(self, places):
        places = set(places)
        return self._with([line for i, line in enumerate(self) if i not in places], None)

    def changed(self, at, **fields):
        return self._with(self[:at] + [{**self[at], **fields}] + self[at + 1:], at + 1)


def line_like(line, **fields):
    empty = {"value": None, "voted_round": None, "voted_owner": None, "voted_value": None}
    return {**line, **empty, **fields}


def vote_below_promise(trace, pick, covers, after_restart=False):
    """After a promise, its acceptor votes for what a lower ballot proposed."""
    proposals, restarts = trace.steps("propose"), dict(trace.steps("restart"))
    places = []
    for at, promise in trace.steps("promise"):
        for before, proposal in proposals:
            if before < at and covers(promise, proposal) and proposal["round"] < promise["round"]:
                voted = [v for _, v in trace.steps("vote") if v["node"] == promise["node"] and v["slot"] == proposal["slot"]]
                if all(v["round"] != proposal["round"] for v in voted):
                    end = next((i for i in restarts if i > at and trace[i]["node"] == promise["node"]), None)
                    if not after_restart:
                        places.append((at, promise, proposal))
                    elif end is not None:
                        places.append((end, promise, proposal))
        if len(places) > 200:
            break
    if places:
        at, promise, proposal = pick(places)
        while at + 1 < len(trace) and (trace[at + 1]["step"], trace[at + 1]["node"]) == ("promise", promise["node"]):
            at += 1
        vote = line_like(proposal, at_us=trace[at]["at_us"], node=promise["node"], step="vote", value=proposal["value"])
        return trace.with_line(at + 1, vote)
    return None


def vote_below_promise_after_restart(trace, pick, covers):
    """The same, with a restart of the acceptor between."""
    return vote_below_promise(trace, pick, covers, after_restart=True)


def other_value_than_reported(trace, pick, covers):
    """A proposal has another value than the vote that each quorum of promises reports."""
    reported, places = defaultdict(set), []
    for at, line in enumerate(trace):
        key = (line["round"], line["slot"])
        if line["step"] == "promise" and line["voted_round"] is not None and line["voted_round"] < line["round"]:
            reported[key].add((line["node"], line["voted_value"]))
        if line["step"] == "propose":
            values = {value for _, value in reported[key]}
            if len(reported[key]) >= trace.acceptors - trace.acceptors // 2 and len(values) == 1:
                places.append(at)
    return trace.changed(pick(places), value="another#0") if places else None


def choice_without_quorum(trace, pick, covers):
    """All votes in a slot but one are missing when a process learns what is chosen."""
    places = [at for at, _ in trace.steps("chosen")]
    if not places:
        return None
    at = pick(places)
    votes = [i for i, v in trace.steps("vote") if v["slot"] == trace[at]["slot"] and i < at]
    return trace.without(votes[1:])


def other_value_learned(trace, pick, covers):
    """A process learns another value than the chosen one."""
    places = [at for at, _ in trace.steps("chosen", "apply")]
    return trace.changed(pick(places), value="another#0") if places else None


def second_value_in_ballot(trace, pick, covers):
    """A coordinator proposes a second value in a ballot and slot."""
    places = [at for at, _ in trace.steps("propose")]
    if not places:
        return None
    at = pick(places)
    return trace.with_line(at + 1, {**trace[at], "value": "another#0"})


def ignores_o4(trace, pick, covers):
    """Where a fast ballot has chosen, the coordinator recovers with another value that was voted for."""
    votes, places = defaultdict(Counter), []
    fast = Quorums(range(trace.acceptors)).fast
    for at, line in enumerate(trace):
        key = (line["round"], line["slot"])
        if line["step"] == "vote" and line["fast"]:
            votes[key][line["value"]] += 1
        if line["step"] == "propose":
            below = [ballot for ballot, slot in votes if slot == line["slot"] and ballot < line["round"]]
            values = votes[max(below), line["slot"]] if below else {}
            others = [value for value in values if value != line["value"]]
            if others and values.get(line["value"], 0) >= fast:
                places.append((at, others[0]))
    if places:
        at, value = pick(places)
        return trace.changed(at, value=value)
    return None


def promise_omits_vote(trace, pick, covers):
    """A promise leaves out a vote that it reported."""
    places = [at for at, p in trace.steps("promise") if p["voted_round"] is not None and p["voted_round"] < p["round"]]
    if not places:
        return None
    at = pick(places)
    if covers(trace[at], {"slot": trace[at]["slot"] + 1}):
        return trace.without([at])
    return trace.changed(at, voted_round=None, voted_owner=None, voted_value=None)


def older_vote_reported(trace, pick, covers):
    """A promise reports an earlier vote than the last one, or one never cast."""
    places = [at for at, p in trace.steps("promise") if p["voted_round"] is not None and p["voted_round"] < p["round"]]
    if not places:
        return None
    at = pick(places)
    mine = [v for i, v in trace.steps("vote") if i < at and v["node"] == trace[at]["node"] and v["slot"] == trace[at]["slot"]]
    older = [v for v in mine if v["round"] < trace[at]["voted_round"]]
    if older:
        return trace.changed(at, voted_round=older[-1]["round"], voted_owner=older[-1]["owner"], voted_value=older[-1]["value"])
    return trace.changed(at, voted_value="another#0")


def vote_lost_in_restart(trace, pick, covers):
    """After a restart, an acceptor promises as if it had never voted."""
    places = []
    for start, restart in trace.steps("restart"):
        for at, p in trace.steps("promise"):
            old = p["voted_round"] is not None and p["voted_round"] < p["round"]
            if at > start and p["node"] == restart["node"] and old:
                places.append(at)
    if not places:
        return None
    first = trace[pick(places)]
    same = ("node", "round", "at_us")
    message = [i for i, p in trace.steps("promise") if all(p[field] == first[field] for field in same)]
    lost = [i for i in message if trace[i]["voted_round"] is not None]
    if covers(first, {"slot": first["slot"] + 1}):
        return trace.without(lost)
    for at in lost:
        trace = trace.changed(at, voted_round=None, voted_owner=None, voted_value=None)
    trace.planted = None
    return trace


def vote_for_unproposed(trace, pick, covers):
    """A vote in a classic ballot is for a value that was not proposed."""
    places = [at for at, v in trace.steps("vote") if not v["fast"]]
    return trace.changed(pick(places), value="another#0") if places else None


def two_votes_in_ballot(trace, pick, covers):
    """An acceptor votes a second time in a fast ballot, for something else."""
    places = [at for at, v in trace.steps("vote") if v["fast"]]
    if not places:
        return None
    at = pick(places)
    return trace.with_line(at + 1, {**trace[at], "value": "another#0"})


def any_too_early(trace, pick, covers):
    """*Any* is sent in a slot in which the same leader has proposed a value."""
    places = [
        (at, p["slot"]) for at, a in trace.steps("any") for _, p in trace.steps("propose")
        if p["round"] == a["round"] - 1 and p["slot"] < a["slot"]
    ]
    if places:
        at, slot = pick(places)
        return trace.changed(at, slot=slot)
    return None


def borrowed_ballot(trace, pick, covers):
    """A process proposes in a ballot of another."""
    places = [at for at, _ in trace.steps("propose")]
    if not places:
        return None
    at = pick(places)
    return trace.changed(at, node=trace[at]["node"] + 1)


def snapshot_of_the_future(trace, pick, covers):
    """A replica takes over a state of slots that are not chosen yet."""
    places = [at for at, _ in trace.steps("apply")]
    if not places:
        return None
    at = pick(places)
    last = max(line["slot"] for _, line in trace.steps("apply"))
    return trace.with_line(at, line_like(trace[at], step="install", slot=last + 2))


def executed_twice(trace, pick, covers):
    """A replica executes a slot a second time."""
    places = [at for at, _ in trace.steps("apply")]
    if not places:
        return None
    at = pick(places)
    return trace.with_line(at + 1, trace[at])


FAULTS = [
    vote_below_promise, vote_below_promise_after_restart, promise_omits_vote, vote_lost_in_restart, older_vote_reported,
    other_value_than_reported, second_value_in_ballot, vote_for_unproposed, borrowed_ballot, two_votes_in_ballot,
    any_too_early, ignores_o4, choice_without_quorum, other_value_learned, snapshot_of_the_future, executed_twice,
]
RUNS = [("basic", []), ("simple", []), ("multi", [])] + [
    ("fast", ["--collision", recovery]) for recovery in ("coordinated", "uncoordinated", "classic")
]


def refusal(lines, variant, count, directory):
    """The refusal of a trace, or None."""
    path = f"{directory}/mutated.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    single = variant in ("basic", "simple")
    try:
        replay([read(path, single)], Checker(Quorums(range(count)), variant == "fast", single).take)
    except Refused as refused:
        return refused
    return None


def main(arguments):
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--binary", default="target/debug/paxos-bench")
    parse.add_argument("--seeds", type=int, default=20, help="how many seeds for each variant and recovery [20]")
    parse.add_argument("--show", action="store_true", help="print what is not refused at its line")
    options = parse.parse_args(arguments)
    tried, caught, there = Counter(), Counter(), Counter()
    with tempfile.TemporaryDirectory() as directory:
        for seed in range(1, options.seeds + 1):
            for variant, more in RUNS:
                count, path = 3 + seed % 5, f"{directory}/run.jsonl"
                command = [options.binary, "simulate", "--variant", variant, "--acceptors", str(count), "--seed", str(seed)]
                subprocess.run(command + ["--trace-out", path] + more, check=True, stdout=subprocess.DEVNULL)
                with open(path, encoding="utf-8") as file:
                    trace = Lines(json.loads(line) for line in file)
                trace.acceptors = count
                assert refusal(trace, variant, count, directory) is None, f"{variant} {seed} as it is"
                # Whether a promise covers a slot.
                one = variant in ("basic", "simple")
                covers = (lambda p, s: p["slot"] == s["slot"]) if one else (lambda p, s: p["slot"] <= s["slot"])
                for fault in FAULTS:
                    mutated = fault(trace, random.Random(seed).choice, covers)
                    if mutated is None:
                        continue
                    refused = refusal(mutated, variant, count, directory)
                    tried[fault.__name__] += 1
                    caught[fault.__name__] += refused is not None
                    last = refused and refused.step.line + refused.step.text.count("\n")
                    if mutated.planted is None or (refused and refused.step.line <= mutated.planted <= last):
                        there[fault.__name__] += 1
                    elif options.show:
                        print(f"{fault.__name__}, {' '.join(command[1:] + more)}, line {mutated.planted}: {refused}")
    print("| planted fault | traces | refused | at that line |\n|---|---:|---:|---:|")
    for fault in FAULTS:
        name, text = fault.__name__, " ".join(fault.__doc__.split()).rstrip(".")
        print(f"| {text} | {tried[name]} | {caught[name]} | {there[name]} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

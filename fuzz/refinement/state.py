"""The variables of the specification: what each acceptor holds in each slot, and the messages that were ever sent.

Lamport's specification of Paxos in TLA+ has four: maxBal (the highest ballot an acceptor has taken part in), maxVBal and
maxVal (its vote in the highest ballot), and msgs. Here they exist for each slot. Messages are never removed, and an action
reads whichever it likes, which covers loss, delay and duplication.
"""

from collections import defaultdict
from dataclasses import dataclass

END = float("inf")


@dataclass
class Answer:
    """Phase 1b messages of one acceptor in one ballot: one for each slot from `first` to before `end`."""

    first: int
    end: float
    votes: dict
    """slot -> (ballot, value): what they report. In the other slots they report no vote."""
    line: int
    holes: frozenset = frozenset()
    """Slots of the range for which there is none."""

    def covers(self, slot):
        return self.first <= slot < self.end and slot not in self.holes


class Acceptor:
    """Its votes and promises are on disk, so a crash or a restart changes nothing here."""

    def __init__(self):
        self.votes = defaultdict(list)
        """slot -> [(ballot, value, line)], by ballot. The last one is (maxVBal, maxVal)."""
        self.wide = defaultdict(list)
        """ballot -> [Answer], of promises for all slots from one on"""
        self.narrow = defaultdict(list)
        """slot -> [(ballot, Answer)], of promises for one slot"""

    def add(self, ballot, answer):
        if answer.end == answer.first + 1:
            self.narrow[answer.first].append((ballot, answer))
        else:
            self.wide[ballot].append(answer)

    def answers(self, first, end):
        """Its answers for slots of the range, as (ballot, Answer)."""
        if end == first + 1:
            yield from self.narrow.get(first, ())
        else:
            yield from (pair for slot, pairs in self.narrow.items() if first <= slot < end for pair in pairs)
        for ballot, answers in self.wide.items():
            yield from ((ballot, answer) for answer in answers if answer.first < end and first < answer.end)

    def max_ballot(self, slot):
        """maxBal and the step that raised it, as text; -1 where it took part in none."""
        highest, why = -1, "it has neither promised nor voted"
        if self.votes.get(slot):
            highest, value, line = self.votes[slot][-1]
            why = f"it voted for {value} in ballot {highest} (step {line})"
        for ballot, answer in self.answers(slot, slot + 1):
            if ballot > highest and answer.covers(slot):
                highest, why = ballot, f"it promised ballot {ballot} (step {answer.line})"
        return highest, why

    def vote_in(self, slot, ballot):
        return next((value for b, value, _ in self.votes.get(slot, ()) if b == ballot), None)

    def vote_below(self, slot, ballot):
        """The vote in the highest ballot below `ballot`, as (ballot, value)."""
        return next(((b, value) for b, value, _ in reversed(self.votes.get(slot, ())) if b < ballot), None)

    def slots_voted(self, first, end):
        if end == first + 1:
            return [first] if self.votes.get(first) else []
        return sorted(slot for slot, votes in self.votes.items() if votes and first <= slot < end)

    def answer(self, ballot, slot):
        """Its phase 1b message in `ballot` for `slot`, as an Answer, if there is one."""
        narrow = (answer for b, answer in self.narrow.get(slot, ()) if b == ballot)
        wide = (answer for answer in self.wide.get(ballot, ()) if answer.covers(slot))
        return next(narrow, None) or next(wide, None)

    def first_act_above(self, ballot, first, end, holes):
        """The step by which it went beyond a phase 1b of `ballot` in some slot of the range, if it did."""
        acts = [answer.line for higher, answer in self.answers(first, end) if higher > ballot]
        slots = (slot for slot in self.slots_voted(first, end) if slot not in holes)
        acts += [line for slot in slots for b, _, line in self.votes[slot] if b >= ballot]
        return min(acts, default=None)


class State:
    """What the steps so far have made true."""

    def __init__(self, quorums):
        self.quorums = quorums
        self.acceptors = {node: Acceptor() for node in quorums.acceptors}
        self.owners = {}
        """ballot -> (owner, fast)"""
        self.prepares = defaultdict(dict)
        """ballot -> {first slot: step}: phase 1a"""
        self.proposals = defaultdict(dict)
        """ballot -> {slot: value}: phase 2a with a value"""
        self.opened = {}
        """ballot -> first slot: phase 2a with *any*"""
        self.chosen = {}
        """slot -> (value, ballot, step)"""

    def is_fast(self, ballot):
        return self.owners.get(ballot, (None, False))[1]

    def is_open(self, ballot, slot):
        return ballot in self.opened and self.opened[ballot] <= slot

    def follows(self, ballot):
        """Whether the ballot just below has the same coordinator. Ballots are whole numbers: none lies between."""
        owner = self.owners.get(ballot, (None,))[0]
        return owner is not None and self.owners.get(ballot - 1, (None,))[0] == owner

    def voters(self, slot, ballot):
        """Who voted in the ballot, and for what."""
        votes = ((node, acceptor.vote_in(slot, ballot)) for node, acceptor in self.acceptors.items())
        return {node: value for node, value in votes if value is not None}

    def reports(self, ballot, slot):
        """The phase 1b messages of `ballot` in `slot`, acceptor -> (maxVBal, maxVal) or None.

        A promise is one. Two more kinds of evidence count in Fast Paxos, where ballot i = `ballot` - 1 has the same
        coordinator (§3.2 of the paper, coordinated recovery: there phase 1 of i+1 needs no messages of its own):
          - A vote in i: it says what a phase 1b of i+1 would say. Its acceptor can cast no other vote below i+1.
          - A promise of i where nothing is proposed in i: its acceptor cannot have voted in i, so the highest vote
            below i is the highest below i+1. (`Phase2a` refuses a later proposal in i.)
        """
        reports = {}
        for node, acceptor in self.acceptors.items():
            answer = acceptor.answer(ballot, slot)
            if answer is not None:
                reports[node] = answer.votes.get(slot)
            elif self.follows(ballot):
                value, before = acceptor.vote_in(slot, ballot - 1), acceptor.answer(ballot - 1, slot)
                if value is not None:
                    reports[node] = (ballot - 1, value)
                elif before is not None and not self.is_fast(ballot - 1) and slot not in self.proposals[ballot - 1]:
                    reports[node] = before.votes.get(slot)
        return reports

    def show_reports(self, ballot, slot):
        """`reports` for people."""
        reports = self.reports(ballot, slot)
        if not reports:
            return [f"nobody has promised ballot {ballot} in slot {slot}"]
        told = {n: "no vote" if vote is None else f"{vote[1]} in ballot {vote[0]}" for n, vote in sorted(reports.items())}
        return [f"phase 1b of n{node} in ballot {ballot}, slot {slot}: {vote}" for node, vote in told.items()]

"""Quorums by number, and the values that a set of phase 1b reports leaves to a coordinator."""

from itertools import combinations

FREE = object()
"""Any value that a client has proposed. (A trace has no requests, so this checker takes any value for one.)"""


class Quorums:
    """`one`, `two` and `fast` acceptors make a quorum of phase 1, of phase 2 in a classic and in a fast ballot."""

    def __init__(self, acceptors, one=None, two=None, fast=None):
        self.acceptors = frozenset(acceptors)
        n = len(self.acceptors)
        self.one = n // 2 + 1 if one is None else one
        self.two = n // 2 + 1 if two is None else two
        # The smallest that the law below allows.
        self.fast = n - (self.one - 1) // 2 if fast is None else fast

    def broken_law(self, with_fast):
        """The law that these sizes break, as text; None if they are lawful.

        Classic: a phase 1 quorum meets every phase 2 quorum (Howard, Malkhi, Spiegelman 2016, §3; for majorities
        Paxos Made Simple, §2.2). Fast: a phase 1 quorum meets the intersection of any two fast quorums, and every
        one (Fast Paxos, §2.2, Fast Quorum Requirement; with phases apart Howard, Charapko, Mortier 2021).
        """
        n = len(self.acceptors)
        for name, size in (("Q1", self.one), ("Q2", self.two)) + ((("QF", self.fast),) if with_fast else ()):
            if not 1 <= size <= n:
                return f"{name} = {size} is not between 1 and {n}"
        if self.one + self.two <= n:
            return f"Q1 + Q2 = {self.one + self.two} must exceed {n}"
        if with_fast and self.one + 2 * self.fast <= 2 * n:
            return f"Q1 + 2 QF = {self.one + 2 * self.fast} must exceed {2 * n}"
        return None

    def is_one(self, nodes):
        return len(self.acceptors & set(nodes)) >= self.one

    def is_two(self, nodes, fast):
        return len(self.acceptors & set(nodes)) >= (self.fast if fast else self.two)

    def choice(self, reports, is_fast):
        """What a coordinator may propose that has exactly these reports: FREE, or one value.

        `reports` maps each acceptor of a phase 1 quorum Q to the highest vote that it reports, (ballot, value) or
        None. Paxos Made Simple, §2.2, phase 2(a): the value of the vote in the highest ballot, or any value where
        nobody has voted. Fast Paxos, §2.2, generalizes that: k is the highest ballot reported and V the values
        reported in it.
          - Nobody has voted: any value.
          - V has one value: that one. (If k is classic it has only one.)
          - A value v of V satisfies O4(v), that is, for some quorum R of ballot k every acceptor of both R and Q
            reports k and v: that one, since R may have chosen it. The quorum requirement leaves at most one.
          - Otherwise nothing was or can be chosen below: any value.
        """
        votes = {acceptor: vote for acceptor, vote in reports.items() if vote is not None}
        if not votes:
            return FREE
        k = max(ballot for ballot, _ in votes.values())
        values = {value for ballot, value in votes.values() if ballot == k}
        if len(values) == 1:
            return values.pop()
        for value in sorted(values):
            against = {a for a in reports if reports[a] != (k, value)}
            if self.is_two(self.acceptors - against, is_fast(k)):
                return value
        return FREE

    def permits(self, reports, is_fast, value):
        """Whether some phase 1 quorum among those who have reported leaves `value` to the coordinator.

        The trace does not say which reports arrived, so the quorum of the guard is searched: all reports first, then
        those up to each ballot (which settles it where all votes are classic), then every other quorum.
        """
        votes = [vote for vote in reports.values() if vote is not None]
        sets = [tuple(sorted(reports))]
        for limit in sorted({ballot for ballot, _ in votes} | {-1}):
            sets.append(tuple(a for a in sorted(reports) if reports[a] is None or reports[a][0] <= limit))
        for quorum in sets:
            if self._leaves(quorum, reports, is_fast, value):
                return True
        if not any(is_fast(ballot) for ballot, _ in votes):
            return False
        return any(
            self._leaves(quorum, reports, is_fast, value)
            for size in range(len(reports) - 1, self.one - 1, -1)
            for quorum in combinations(sorted(reports), size)
        )

    def _leaves(self, quorum, reports, is_fast, value):
        if not self.is_one(quorum):
            return False
        choice = self.choice({a: reports[a] for a in quorum}, is_fast)
        return choice is FREE or choice == value

"""The actions of Paxos and Fast Paxos, each with its guard: what may happen, given what has happened.

A trace is accepted if each of its steps is one of these actions and the guard holds, or a stutter (a step that changes
nothing that the specification sees: a message sent again, a crash, a restart). Sources: *Paxos* is the specification in
TLA+ that Lamport published, with the actions Phase1a, Phase1b, Phase2a and Phase2b, and *Paxos Made Simple* (2001) its
paper; *Fast Paxos* is the paper of 2006. Every slot is an instance of its own.
"""

from collections import Counter
from dataclasses import replace

from quorums import FREE
from state import END, Acceptor, Answer, State
from trace import Refused, Unreadable


class Checker:
    """Takes a run step by step. `take` raises Refused at the first step that is no action, and changes nothing then."""

    def __init__(self, quorums, fast=False, slot_by_slot=False):
        self.quorums, self.with_fast, self.slot_by_slot = quorums, fast, slot_by_slot
        self.state = State(quorums)
        self.next = {}
        """node -> the slot that it executes next in this incarnation"""
        self.actions = Counter()
        self.number = 0
        self.names = []

    def take(self, step):
        self._ballots_have_one_owner(step)
        self.actions[getattr(self, "on_" + step.step)(step)] += 1
        self.number += 1
        self.names.append(step.where())

    # Ballots

    def _ballots_have_one_owner(self, step):
        """*Paxos Made Simple*, §2.5: different proposers use different numbers. *Fast Paxos*, §2.1: each round has one
        coordinator, and is fast or classic."""
        for ballot, owner in step.kinds.items():
            fast = step.fast if ballot == step.round else None
            known = self.state.owners.get(ballot, (owner, fast))
            self._need(step, "ballots", known[0] == owner, "a ballot has one owner", f"ballot {ballot} is n{known[0]}'s")
            same = None in (fast, known[1]) or fast == known[1]
            self._need(step, "ballots", same, "a ballot is fast or classic", f"ballot {ballot}: fast is {known[1]}")
            self.state.owners[ballot] = (owner, known[1] if fast is None else fast)
        if step.fast and not self.with_fast:
            raise Unreadable(f"{step.where()}: a fast ballot; give --variant fast")

    def _need(self, step, action, holds, guard, *state):
        if not holds:
            self._refuse(step, action, guard, *state)

    def _refuse(self, step, action, guard, *state):
        raise Refused(step, action, guard, [self._named(line) for line in state])

    def _named(self, text):
        """Puts file and line in place of the numbers of steps."""
        head, mark, tail = text.partition("(step ")
        if not mark:
            return text
        number, _, rest = tail.partition(")")
        return f"{head}({self.names[int(number)]}){rest}"

    def _acceptor(self, step) -> Acceptor:
        if step.node not in self.state.acceptors:
            raise Unreadable(
                f"{step.where()}: n{step.node} takes part as an acceptor, and is none of --acceptors. Give all of them; "
                "runs whose members change are not covered"
            )
        return self.state.acceptors[step.node]

    # Phase 1

    def on_prepare(self, step):
        """Phase1a(b): a coordinator asks for promises. *Paxos*: no guard. *Paxos Made Simple*, §2.2, phase 1(a).

        Here: only in a ballot of its own. One line asks for all slots from its own on, or with a phase 1 for each slot
        for that slot alone.
        """
        self._need(step, "Phase1a", step.node == step.owner, "a coordinator uses its own ballots")
        asked = self.state.prepares[step.round]
        if step.slot in asked:
            return "stutter"
        asked[step.slot] = self.number
        return "Phase1a"

    def on_promise(self, step):
        """Phase1b(a): an acceptor answers a phase 1a of ballot b.

        *Paxos*: b > maxBal[a], which becomes b; the message carries maxVBal[a] and maxVal[a]. *Paxos Made Simple*, §2.2,
        phase 1(b); *Fast Paxos*, §2.1, the same with rnd, vrnd and vval.

        A trace has the line when the message leaves, which may be after later acts of the acceptor. So the action may
        have happened earlier, when its highest vote was the highest below b: after the phase 1a, and before the
        acceptor's first act in a higher ballot or its vote in this one. There is such a moment exactly if the phase 1a
        came before that act. A repeated answer is a stutter, and so is a report of a vote in b itself: the acceptor was
        in b already.
        """
        acceptor = self._acceptor(step)
        actions = [self._promise(part, acceptor) for part in self._messages(step, acceptor)]
        return "Phase1b" if "Phase1b" in actions else "stutter"

    def _messages(self, step, acceptor):
        """The messages that the lines may be of: where promises are cut, one may follow another in the same moment. A new
        one begins at a slot that was asked for, if the lines before leave out a vote below it."""
        asked = self.state.prepares.get(step.round, {})
        slots = sorted(step.votes)
        if self.slot_by_slot or not slots:
            return [step]
        parts = [[slots[0]]]
        for last, slot in zip(slots, slots[1:]):
            left = [s for s in acceptor.slots_voted(last + 1, slot) if acceptor.vote_below(s, step.round)]
            if left and any(left[-1] < start <= slot for start in asked):
                parts.append([])
            parts[-1].append(slot)
        messages = [replace(step, votes={s: step.votes[s] for s in part}, rest=None) for part in parts]
        if step.rest is not None and step.rest > slots[-1] + 1 and step.rest in asked:
            messages.append(replace(step, votes={}))
        else:
            messages[-1].rest = step.rest
        return messages

    def _promise(self, step, acceptor):
        """`on_promise` for one message."""
        ballot = step.round
        first, end = self._covered(step, acceptor)
        holes = set()
        for slot in sorted(set(acceptor.slots_voted(first, end)) | set(step.votes)):
            report, below, at = step.votes.get(slot), acceptor.vote_below(slot, ballot), acceptor.vote_in(slot, ballot)
            if report != below and report is not None and report == (ballot, at):
                holes.add(slot)
                continue
            self._need(
                step, "Phase1b", report == below, "a phase 1b reports (maxVBal, maxVal), the acceptor's highest vote",
                f"n{step.node} reports in slot {slot}: {_vote(report)}",
                f"its highest vote there below ballot {ballot}: {_vote(below)}",
            )
        before = (answer for known, answer in acceptor.answers(first, end) if known == ballot)
        if any(answer.first <= first and end <= answer.end for answer in before):
            return "stutter"
        asked = self._asked(ballot, first)
        act = acceptor.first_act_above(ballot, first, end, holes)
        self._need(
            step, "Phase1b", act is None or asked < act, "b > maxBal[a], at some moment since the phase 1a",
            f"n{step.node} went beyond ballot {ballot} (step {act})", f"ballot {ballot} was prepared later (step {asked})",
        )
        votes = {slot: vote for slot, vote in step.votes.items() if slot not in holes}
        acceptor.add(ballot, Answer(first, end, votes, self.number, frozenset(holes)))
        return "Phase1b"

    def _asked(self, ballot, slot):
        """The first step in which the owner prepared the ballot for `slot`, if it did."""
        prepares = self.state.prepares.get(ballot, {})
        if self.slot_by_slot:
            return prepares.get(slot)
        return min((step for first, step in prepares.items() if first <= slot), default=None)

    def _covered(self, step, acceptor):
        """The slots that a promise speaks for, as first and end.

        It ends with a line without a vote, which speaks for that slot and all later ones; a promise that is cut because
        a message is full has none, and ends where the next vote is. It begins with a slot that was asked for. Where
        several were, the lines leave open which; then it is the first that agrees with the acceptor's votes.
        """
        prepares = self.state.prepares.get(step.round, {})
        low = min(step.votes, default=step.rest)
        if self.slot_by_slot or not step.votes:
            if low not in prepares:
                asked = ", ".join(map(str, sorted(prepares))) or "none"
                state = f"ballot {step.round} is prepared in slots: {asked}"
                self._refuse(step, "Phase1b", "a phase 1a of the ballot asked for this slot", state)
            return low, low + 1 if self.slot_by_slot else END
        asked = sorted(slot for slot in prepares if slot <= low)
        self._need(
            step, "Phase1b", asked, "a phase 1a of the ballot asked for this slot",
            f"ballot {step.round} is prepared in no slot up to {low}",
        )
        silent = [s for s in acceptor.slots_voted(asked[0], low) if acceptor.vote_below(s, step.round)]
        first = next((slot for slot in asked if not silent or slot > silent[-1]), asked[-1])
        last = max(step.votes)
        if step.rest is None:
            later = acceptor.slots_voted(last + 1, END)
            return first, next((slot for slot in later if acceptor.vote_below(slot, step.round)), last + 1)
        self._need(step, "Phase1b", step.rest == last + 1, "the line without a vote follows the last vote")
        return first, END

    # Phase 2

    def on_propose(self, step):
        """Phase2a(b, v): a coordinator proposes a value in a classic ballot, or by name in a fast one.

        *Paxos*: no phase 2a of ballot b was sent yet, and a quorum Q has sent phase 1b messages of b; if they report
        votes, v is the value of the one in the highest ballot. *Paxos Made Simple*, §2.2, phase 2(a). *Fast Paxos*,
        §2.2: v is what the rule for reports of fast ballots (O4) leaves, see `Quorums.choice`. A value and *any* exclude
        each other in a ballot (§2.1: one phase 2a message a round).
        """
        state, ballot, slot = self.state, step.round, step.slot
        self._need(step, "Phase2a", step.node == step.owner, "a coordinator uses its own ballots")
        proposed = state.proposals[ballot].get(slot)
        if proposed == step.value:
            return "stutter"
        self._need(
            step, "Phase2a", proposed is None, "no second phase 2a in a ballot",
            f"ballot {ballot} has proposed {proposed} in slot {slot}",
        )
        self._need(step, "Phase2a", not state.is_open(ballot, slot), "*any* was sent in this ballot, so no value follows")
        above = state.follows(ballot + 1) and (
            state.is_open(ballot + 1, slot) or slot in state.proposals[ballot + 1] or state.voters(slot, ballot + 1)
        )
        self._need(
            step, "Phase2a", not above, "the next ballot of this coordinator has not begun in the slot",
            f"ballot {ballot + 1} has read the promises of ballot {ballot} as its own: nothing was proposed in that",
        )
        if not self.quorums.permits(state.reports(ballot, slot), state.is_fast, step.value):
            guard = "some phase 1 quorum's reports leave the value: the highest vote's (after a fast ballot, O4's), or any"
            self._refuse(step, "Phase2a", guard, *state.show_reports(ballot, slot))
        state.proposals[ballot][slot] = step.value
        return "Phase2a"

    def on_any(self, step):
        """Phase2a(b, *any*): a coordinator opens a fast ballot, in this slot and all later ones.

        *Fast Paxos*, §2.2: it may where the reports of a phase 1 quorum leave every value. The guard holds in all those
        slots if it holds in the first and around each slot that something is known of.
        """
        state, ballot = self.state, step.round
        self._need(step, "Phase2a any", step.node == step.owner, "a coordinator uses its own ballots")
        self._need(step, "Phase2a any", step.fast, "only a fast ballot is opened for any value")
        if state.is_open(ballot, step.slot):
            return "stutter"
        known = {step.slot} | set(state.proposals[ballot]) | set(state.proposals[ballot - 1])
        for acceptor in state.acceptors.values():
            known |= set(acceptor.slots_voted(step.slot, END))
            for answer in acceptor.wide.get(ballot, []) + acceptor.wide.get(ballot - 1, []):
                known |= {answer.first} | set(answer.votes) | set(answer.holes) | {answer.end} - {END}
        for slot in sorted(s for s in known | {s + 1 for s in known} if s >= step.slot):
            self._need(
                step, "Phase2a any", slot not in state.proposals[ballot], "a value was proposed in this ballot",
                f"{state.proposals[ballot].get(slot)} in slot {slot}",
            )
            if not self.quorums.permits(state.reports(ballot, slot), state.is_fast, FREE):
                guard = f"some phase 1 quorum's reports leave every value, here in slot {slot}"
                self._refuse(step, "Phase2a any", guard, *state.show_reports(ballot, slot))
        state.opened[ballot] = step.slot
        return "Phase2a any"

    def on_vote(self, step):
        """Phase2b(a): an acceptor votes for v in ballot b.

        *Paxos*: a phase 2a of b with v was sent, and b >= maxBal[a]; maxBal[a] and maxVBal[a] become b, maxVal[a] becomes
        v. *Paxos Made Simple*, §2.2, phase 2(b). *Fast Paxos*, §2.1.1: at most one vote a round; §2.2: where *any* was sent
        the acceptor may vote for any proposed value; §3.2, uncoordinated recovery: see `_may_follow`.
        """
        acceptor, state = self._acceptor(step), self.state
        ballot, slot, value = step.round, step.slot, step.value
        voted = acceptor.vote_in(slot, ballot)
        if voted == value:
            return "stutter"
        self._need(
            step, "Phase2b", voted is None, "one vote in a ballot",
            f"n{step.node} has voted for {voted} in ballot {ballot}, slot {slot}",
        )
        highest, why = acceptor.max_ballot(slot)
        held = f"maxBal of n{step.node} in slot {slot}: {highest}"
        self._need(step, "Phase2b", ballot >= highest, "b >= maxBal[a]", held, why)
        action = "Phase2b"
        if state.is_fast(ballot) and state.is_open(ballot, slot):
            action = "Phase2b fast"
        elif state.proposals[ballot].get(slot) != value:
            self._may_follow(step)
            action = "Phase2b recovery"
        self._count(step)
        acceptor.votes[slot].append((ballot, value, self.number))
        return action

    def _may_follow(self, step):
        """*Fast Paxos*, §3.2, uncoordinated recovery: ballot i was opened for any value, b = i+1 is fast and has the same
        coordinator, and the acceptor knows the votes in i of a phase 1 quorum. It reads them as phase 1b messages of b,
        and votes for a value that a coordinator could propose; where that is any, for one of those voted for."""
        state, ballot, slot = self.state, step.round, step.slot
        proposed = state.proposals[ballot].get(slot)
        votes = {node: (ballot - 1, value) for node, value in state.voters(slot, ballot - 1).items()}
        open_below = step.fast and state.follows(ballot) and state.is_open(ballot - 1, slot)
        self._need(
            step, "Phase2b", open_below, "a phase 2a of the ballot has this value, or *any*",
            f"ballot {ballot} has proposed {proposed or 'nothing'} in slot {slot}, and is not open there",
        )
        among = step.value in {value for _, value in votes.values()}
        self._need(
            step, "Phase2b", among and self.quorums.permits(votes, state.is_fast, step.value),
            "the votes of some phase 1 quorum in the open ballot below leave the value (O4)",
            *(f"n{node} voted for {value} in ballot {below}" for node, (below, value) in sorted(votes.items())),
        )

    # Choosing

    def _count(self, step):
        """A value is chosen when a quorum has voted for it in one ballot (*Paxos*: `chosen`; *Fast Paxos*, §2.2: a fast
        quorum in a fast ballot). The theorem of both: at most one value in a slot."""
        voters = self.state.voters(step.slot, step.round)
        those = {node for node, value in voters.items() if value == step.value} | {step.node}
        if not self.quorums.is_two(those, step.fast):
            return
        value, ballot, at = self.state.chosen.setdefault(step.slot, (step.value, step.round, self.number))
        self._need(
            step, "Phase2b", value == step.value, "at most one value is chosen",
            f"{value} was chosen in slot {step.slot} in ballot {ballot} (step {at})",
        )

    def _is_chosen(self, step, slot, value=None):
        known = self.state.chosen.get(slot)
        if known is None or value not in (None, known[0]):
            acceptors = sorted(self.state.acceptors.items())
            votes = [f"n{n} voted for {v} in ballot {b}" for n, a in acceptors for b, v, _ in a.votes.get(slot, ())]
            there = f"chosen there: {known[0] if known else 'nothing'}"
            self._refuse(step, "Learn", f"slot {slot} has the value by a quorum's votes", there, *votes)

    def on_chosen(self, step):
        """Learn: a process says what is chosen. Nothing changes; it must be true by then."""
        self._is_chosen(step, step.slot, step.value)
        return "learn"

    def on_apply(self, step):
        """A replica executes what is chosen, slot by slot."""
        self._is_chosen(step, step.slot, step.value)
        due = self.next.get(step.node, 0)
        self._need(step, "Apply", step.slot == due, "slots are executed in turn", f"n{step.node} is to execute slot {due}")
        self.next[step.node] = due + 1
        return "learn"

    def on_install(self, step):
        """A replica takes over a state that stands for all slots below: each has a chosen value."""
        due = self.next.get(step.node, 0)
        for slot in range(due, step.slot):
            self._is_chosen(step, slot)
        self.next[step.node] = max(due, step.slot)
        return "learn"

    def on_crash(self, _step):
        """A stutter: an acceptor's variables are on its disk, so they stay (*Paxos Made Simple*, §2.5)."""
        return "stutter"

    def on_restart(self, step):
        """A stutter, but for the replica, which executes from the start again or from its snapshot."""
        self.next[step.node] = 0
        return "stutter"


def _vote(vote):
    return "no vote" if vote is None else f"{vote[1]} in ballot {vote[0]}"

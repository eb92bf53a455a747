"""Reads traces as docs/trace-format.md defines them: JSON lines become steps, several files become one run."""

import json
from dataclasses import dataclass, field

SLOTS = {"prepare", "promise", "any", "propose", "vote", "chosen", "apply", "install"}
BALLOTS = {"prepare", "promise", "any", "propose", "vote"}
VALUES = {"propose", "vote", "chosen", "apply"}
STEPS = SLOTS | {"crash", "restart"}


class Unreadable(Exception):
    """The input is no trace, or one of a run that this checker does not cover."""


@dataclass
class Step:
    """One line, or all lines of one promise."""

    file: str
    line: int
    text: str
    at: int
    node: int
    step: str
    slot: int = None
    round: int = None
    owner: int = None
    fast: bool = None
    value: str = None
    votes: dict = field(default_factory=dict)
    """Of a promise: slot -> (ballot, value), the votes that it reports."""
    rest: int = None
    """Of a promise: the slot of its line without a vote."""
    kinds: dict = field(default_factory=dict)
    """The owners of the ballots that it names: ballot -> owner."""

    def where(self):
        return f"{self.file}:{self.line}"


def read(path, slot_by_slot):
    """The steps of one file, in its order. A promise is one line with a phase 1 for each slot, else perhaps several."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"cannot read {path}: {error}") from error
    steps = []
    for number, text in enumerate(lines, 1):
        if text.strip():
            step = _parse(path, number, text.strip())
            if slot_by_slot or not _continues(steps, step):
                steps.append(step)
    return steps


def _parse(path, number, text):
    def fail(why):
        raise Unreadable(f"{path}:{number}: {why}: {text[:200]}")

    def get(name, kind, needed=True):
        value = line.get(name)
        if value is None and not needed:
            return None
        if not isinstance(value, kind) or (kind is int and (isinstance(value, bool) or value < 0)):
            fail(f"`{name}` must be {'a whole number' if kind is int else kind.__name__}")
        return value

    try:
        line = json.loads(text)
    except ValueError as error:
        fail(f"no JSON ({error})")
    if not isinstance(line, dict):
        fail("no JSON object")
    kind = get("step", str)
    if kind not in STEPS:
        fail(f"unknown step `{kind}`")
    step = Step(path, number, text, get("at_us", int), get("node", int), kind)
    if kind in SLOTS:
        step.slot = get("slot", int)
    if kind in BALLOTS:
        step.round, step.owner, step.fast = get("round", int), get("owner", int), get("fast", bool)
        step.kinds[step.round] = step.owner
    if kind in VALUES:
        step.value = get("value", str)
    if kind == "promise":
        voted = get("voted_round", int, needed=False)
        if voted is None:
            step.rest = step.slot
        else:
            step.votes[step.slot] = (voted, get("voted_value", str))
            step.kinds.setdefault(voted, get("voted_owner", int))
    return step


def _continues(steps, step):
    """Adds a line to the promise before, if it is one of its lines: their slots rise up to the line without a vote."""
    last = steps[-1] if steps else None
    if not (
        step.step == "promise"
        and last is not None
        and last.step == "promise"
        and (last.node, last.round, last.at) == (step.node, step.round, step.at)
        and last.rest is None
        and step.slot > max(last.votes)
    ):
        return False
    last.votes.update(step.votes)
    for ballot, owner in step.kinds.items():
        last.kinds.setdefault(ballot, owner)
    last.rest = step.rest
    last.text += "\n" + step.text
    return True


def replay(files, take):
    """Gives all steps to `take`, by time; returns how many.

    Each file is in order. Steps of two files at the same microsecond have no order of their own, so the first is taken
    that `take` does not refuse; if it refuses all, the first refusal stands. `take` changes nothing when it raises.
    """
    heads = [0] * len(files)
    count = 0
    while True:
        waiting = [i for i in range(len(files)) if heads[i] < len(files[i])]
        if not waiting:
            return count
        now = min(files[i][heads[i]].at for i in waiting)
        refusal = None
        for i in (i for i in waiting if files[i][heads[i]].at <= now):
            try:
                take(files[i][heads[i]])
            except Refused as refused:
                refusal = refusal or refused
            else:
                heads[i] += 1
                count += 1
                break
        else:
            raise refusal


class Refused(Exception):
    """A step that no action of the specification explains."""

    def __init__(self, step, action, guard, state):
        super().__init__(guard)
        self.step, self.action, self.guard, self.state = step, action, guard, state

    def __str__(self):
        step = self.step
        parts = [f"n{step.node}"]
        parts += [f"ballot {step.round}"] if step.round is not None else []
        parts += [f"slot {step.slot}"] if step.slot is not None else []
        parts += [f"value {step.value}"] if step.value is not None else []
        lines = [f"refused: {step.where()}: {self.action} ({', '.join(parts)})", f"guard: {self.guard}"]
        lines += [f"state: {line}" for line in self.state]
        text = step.text.split("\n")
        more = [f"line: … and {len(text) - 3} more of this promise"] if len(text) > 3 else []
        return "\n".join(lines + [f"line: {line}" for line in text[:3]] + more)

#!/usr/bin/env python3
"""Is this trace a behaviour of Paxos? Checks each line of a run against the actions of the published specifications.

Shares no code with the programs that write traces: it reads only the JSON lines of docs/trace-format.md, and needs only
Python 3.8 or later.
"""

import argparse
import sys

from paxos import Checker
from quorums import Quorums
from trace import Refused, Unreadable, read, replay

MANUAL = """\
what it does
  It holds, for each acceptor and slot, what Lamport's specification of Paxos holds (maxBal, maxVBal, maxVal, and the
  messages sent), and takes the trace step by step. Each step must be an action whose guard holds then: Phase1a,
  Phase1b, Phase2a, Phase2b; for --variant fast also those of Fast Paxos: *any*, votes for what clients send, the rule O4
  after a fast ballot, coordinated and uncoordinated recovery. Or it must be a step that changes nothing: a message sent
  again, a crash, a restart. At most one value may be chosen in a slot, and `chosen`, `apply` and `install` must speak of
  chosen values only. Each guard stands beside its code in paxos.py, with the section of the paper.

examples
  paxos-bench simulate --variant fast --acceptors 4 --seed 7 --trace-out run.jsonl
  python3 fuzz/refinement/refine.py --variant fast --acceptors 4 run.jsonl

  The files of a cluster of real processes are one run, and are merged by time:
  paxos-bench cluster --nodes 3 --data /tmp/c --trace-out /tmp/run
  python3 fuzz/refinement/refine.py --variant multi --acceptors 3 /tmp/run.n*.jsonl

  simulate --roles separate has the proposer n0, then the acceptors:   --acceptors 1-5
  simulate --quorum fast-flexible:5,3,3:                               --quorums 5,3,3

exit codes
  0  accepted: the trace is a behaviour of the specification
  1  refused: prints the line, the action, the guard that does not hold, and the state that it read
  2  wrong usage, a file that is no trace, or a run that is not covered (a process outside --acceptors votes: members
     changed)

not checked
  That values were proposed by clients (a trace has no requests), progress, reads, answers to clients, and runs whose
  members change or whose quorums are not given by number.
"""


def acceptors(text):
    """Acceptors as a number, `3`, or as ids, `1-5` or `0,2,4`."""
    try:
        if "-" not in text and "," not in text:
            ids = list(range(int(text)))
        else:
            parts = [part.split("-") for part in text.split(",")]
            ids = [node for part in parts for node in range(int(part[0]), int(part[-1]) + 1)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is neither a number like 3 nor ids like 1-5 or 0,2,4") from None
    if not 1 <= len(ids) <= 64 or len(set(ids)) < len(ids):
        raise argparse.ArgumentTypeError(f"`{text}` must name 1 to 64 acceptors, each once")
    return ids


def sizes(text):
    """Quorum sizes, `2,2` or `3,3,4`."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        raise argparse.ArgumentTypeError(f"`{text}` must be Q1,Q2 or Q1,Q2,QF, as in 3,3,4")
    return numbers


def parser():
    parse = argparse.ArgumentParser(
        prog="refine.py", description=__doc__, epilog=MANUAL, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parse.add_argument("traces", nargs="+", metavar="TRACE", help="a trace; several are the processes of one run")
    parse.add_argument(
        "--variant", required=True, choices=["basic", "simple", "multi", "fast"],
        help="basic and simple have a phase 1 for each slot, multi and fast one for all slots from one on",
    )
    parse.add_argument(
        "--acceptors", required=True, type=acceptors, metavar="N|IDS", help="how many (n0 on), or which: 1-5, or 0,2,4"
    )
    parse.add_argument(
        "--quorums", type=sizes, default=[], metavar="Q1,Q2[,QF]",
        help="acceptors in a quorum of phase 1, of phase 2 and of a fast phase 2 [majorities, and the smallest fast ones]",
    )
    return parse


def check(checker, paths):
    """Takes the run to the end; raises Refused or Unreadable."""
    files = [read(path, checker.slot_by_slot) for path in paths]
    if not any(files):
        raise Unreadable("the trace is empty")
    replay(files, checker.take)


def main(arguments):
    parse = parser()
    options = parse.parse_args(arguments)
    fast = options.variant == "fast"
    quorums = Quorums(options.acceptors, *options.quorums)
    broken = quorums.broken_law(fast)
    if broken:
        parse.error(f"these quorums do not meet: {broken}")
    checker = Checker(quorums, fast=fast, slot_by_slot=options.variant in ("basic", "simple"))
    try:
        check(checker, options.traces)
    except Unreadable as error:
        print(f"refine.py: {error}", file=sys.stderr)
        return 2
    except Refused as refused:
        print(refused)
        return 1
    counts = ", ".join(f"{count} {action}" for action, count in sorted(checker.actions.items()))
    print(f"accepted: {checker.number} steps ({counts}); {len(checker.state.chosen)} slots chosen")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

//! The scenarios of mistakes: those that `docs/verification.md` lists, and a disk that lies. Message delays are constant,
//! so that each run shows its mistake with every seed.

use super::super::script::Action::{Crash, Cut, Restart, Submit, Wait};
use super::{ANSWERED, Action, COLLIDING, COLLISION, Mistake, Scenario, Setting, THREE, step};
use crate::variants::Variant;
use fast_paxos::Mistake::{
    AnyWithAValue, HighestReplica, LosersForgotten, LosersRenamed, NothingProposed, ValuesInASet,
    WaitsForEver,
};

/// Four servers and two clients whose commands collide, with a mistake of Fast Paxos.
const fn colliding(mistake: fast_paxos::Mistake) -> Setting {
    Setting { mistake: Some(Mistake::FastPaxos(mistake)), ..COLLIDING }
}

/// Five servers and two clients. Links that are not listed take 10 ms.
const fn five(far: &'static [(u16, u16, u64)], mistake: Mistake) -> Setting {
    Setting { servers: 5, far, mistake: Some(mistake), ..COLLIDING }
}

/// Client n5 is close to n0 and n3, n6 to n1 and n4, n7 to n2.
const THREE_WAYS: &[(u16, u16, u64)] = &[
    (5, 1, 15),
    (5, 2, 15),
    (5, 4, 15),
    (6, 0, 15),
    (6, 2, 15),
    (6, 3, 15),
    (7, 0, 15),
    (7, 1, 15),
    (7, 3, 15),
    (7, 4, 15),
];

/// Both clients ask at once. The leader n0 hears no vote of n3 and n4, and has to read the three that it hears.
const UNHEARD: &[Action] = &[
    Wait { ms: 90 },
    Cut { a: 0, b: 3 },
    Cut { a: 0, b: 4 },
    Submit { node: 5 },
    Submit { node: 6 },
    ANSWERED,
];

/// The scenarios of mistakes.
pub(super) static MISTAKES: &[Scenario] = &[
    Scenario {
        name: "lying-disk",
        title: "Mistake: a disk that lies",
        look: "The disk of n1 reports a vote as written and loses it in a crash. A quorum may have counted that vote, so the invariant is broken at the moment when n1 restarts.",
        leaderless: None,
        variant: Variant::Multi,
        setting: Setting { mistake: Some(Mistake::LyingDisk), ..THREE },
        actions: &[
            Wait { ms: 90 },
            Submit { node: 3 },
            ANSWERED,
            Crash { node: 1 },
            step(2),
            Restart { node: 1 },
        ],
    },
    Scenario {
        name: "values-in-a-set",
        title: "Mistake: votes are read as a set of values",
        look: "n0 votes for the command of n5, and the others vote for that of n6, which is chosen: four votes are a fast quorum. The leader n0 hears one vote for the first and two for the second. It forgets the counts, so no value seems forced, and it proposes the wrong one.",
        leaderless: None,
        variant: Variant::Fast,
        setting: five(
            &[(5, 1, 15), (5, 2, 15), (5, 3, 15), (5, 4, 15), (6, 0, 15)],
            Mistake::FastPaxos(ValuesInASet),
        ),
        actions: UNHEARD,
    },
    Scenario {
        name: "nothing-proposed",
        title: "Mistake: where no value is forced, none is proposed",
        look: "Three commands collide. The leader n0 hears a vote for each of them from n0, n1 and n2, so none can have been chosen, and it may propose any. It proposes none. The slot is never decided, so no command in it or after it is executed.",
        leaderless: None,
        variant: Variant::Fast,
        setting: Setting { clients: 3, ..five(THREE_WAYS, Mistake::FastPaxos(NothingProposed)) },
        actions: &[Wait { ms: 90 }, Submit { node: 5 }, Submit { node: 6 }, Submit { node: 7 }, ANSWERED],
    },
    Scenario {
        name: "highest-replica",
        title: "Mistake: the value of the highest acceptor is proposed",
        look: "n2 votes for the command of n6, and the others vote for that of n5, which is chosen. The leader n0 hears the votes of n0, n1 and n2, and proposes the value of n2.",
        leaderless: None,
        variant: Variant::Fast,
        setting: five(
            &[(5, 2, 15), (6, 0, 15), (6, 1, 15), (6, 3, 15), (6, 4, 15)],
            Mistake::FastPaxos(HighestReplica),
        ),
        actions: UNHEARD,
    },
    Scenario {
        name: "rounded-down",
        title: "Mistake: fast quorums are rounded down",
        look: "A fast quorum has 3 of 5 acceptors here, three quarters rounded down. The command of n5 is chosen by n2, n3 and n4. The leader n0 hears the votes of n0, n1 and n2: by these, either command may be chosen, and it proposes the wrong one.",
        leaderless: None,
        variant: Variant::Fast,
        setting: five(&[(5, 0, 15), (5, 1, 15), (6, 2, 15), (6, 3, 15), (6, 4, 15)], Mistake::RoundedDown),
        actions: UNHEARD,
    },
    Scenario {
        name: "waits-forever",
        title: "Mistake: the leader waits forever for a fast quorum",
        look: "The commands collide, so neither can have a fast quorum. The leader goes on waiting for one, and the slot is never decided.",
        leaderless: None,
        variant: Variant::Fast,
        setting: colliding(WaitsForEver),
        actions: COLLISION,
    },
    Scenario {
        name: "losers-forgotten",
        title: "Mistake: a command that lost its slot is forgotten",
        look: "The commands collide, and one of them gets the slot. Nobody proposes the other one again. Clients ask only once here: a client that asks again would hide the mistake.",
        leaderless: None,
        variant: Variant::Fast,
        setting: Setting { asks_again: false, ..colliding(LosersForgotten) },
        actions: COLLISION,
    },
    Scenario {
        name: "losers-renamed",
        title: "Mistake: a command that lost its slot gets a new name",
        look: "The commands collide, and the acceptors vote again for the one that lost the slot, under a new name. With two names, a command would be executed twice.",
        leaderless: None,
        variant: Variant::Fast,
        setting: colliding(LosersRenamed),
        actions: COLLISION,
    },
    Scenario {
        name: "any-with-a-value",
        title: "Mistake: a ballot with a value is opened for any value",
        look: "The leader crashes after the acceptors have voted. The next leader finds the votes in phase 1. It proposes their value in the same ballot that it opens for any value, so two values may be chosen in one ballot.",
        leaderless: None,
        variant: Variant::Fast,
        setting: colliding(AnyWithAValue),
        actions: &[
            Wait { ms: 90 },
            Submit { node: 4 },
            ANSWERED,
            Submit { node: 4 },
            Wait { ms: 12 },
            Crash { node: 0 },
            ANSWERED,
        ],
    },
];

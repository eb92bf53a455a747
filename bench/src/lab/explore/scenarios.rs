//! The scenarios: each has a cluster, and the inputs with which a session begins.

mod mistakes;

use super::mistake::Mistake;
use super::script::Action::{
    self, Crash, Cut, Heal, Replace, Restart, StartDisk, Step, StopDisk, Submit, Until, Wait,
};
use super::script::Goal::Answered;
use crate::theory::Recovery;
use crate::variants::Variant;

/// A scenario. It can be run with each variant.
#[derive(Debug, PartialEq)]
pub struct Scenario {
    /// The name on the command line.
    pub name: &'static str,
    /// The name on the page.
    pub title: &'static str,
    /// What the viewer should look at.
    pub look: &'static str,
    /// The same for a variant without a leader, if it differs.
    pub leaderless: Option<&'static str>,
    /// The variant that shows the scenario best.
    pub variant: Variant,
    /// The cluster.
    pub setting: Setting,
    /// The inputs with which a session begins.
    pub actions: &'static [Action],
}

/// A cluster: servers n0, n1 and so on, which propose, vote and learn; then spares; then clients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// The number of servers.
    pub servers: u16,
    /// The number of processes that may become members.
    pub spares: u16,
    /// The number of clients.
    pub clients: u16,
    /// How Fast Paxos recovers from a collision.
    pub recovery: Recovery,
    /// Whether every server that has a command campaigns, without any back-off. In the other scenarios only variants
    /// without a leader do so, with a back-off.
    pub duel: bool,
    /// Whether clients ask again when they have no answer.
    pub asks_again: bool,
    /// The shortest and the longest delay of a message, in milliseconds.
    pub delay_ms: (u64, u64),
    /// Links with another delay: sender, receiver and the delay in milliseconds.
    pub far: &'static [(u16, u16, u64)],
    /// How long a sync takes, in milliseconds.
    pub sync_ms: u64,
    /// The mistake that is made on purpose, if any.
    pub mistake: Option<Mistake>,
}

const THREE: Setting = Setting {
    servers: 3,
    spares: 0,
    clients: 1,
    recovery: Recovery::Coordinated,
    duel: false,
    asks_again: true,
    delay_ms: (8, 12),
    far: &[],
    sync_ms: 0,
    mistake: None,
};

/// Client n4 is close to n0 and n1; client n5 is close to n2 and n3.
const COLLIDING: Setting = Setting {
    servers: 4,
    clients: 2,
    delay_ms: (10, 10),
    far: &[(4, 2, 15), (4, 3, 15), (5, 0, 15), (5, 1, 15)],
    ..THREE
};

const COLLISION: &[Action] =
    &[Wait { ms: 90 }, Submit { node: 4 }, Submit { node: 5 }, Until { what: Answered }];

/// An input that takes this many events.
const fn step(times: u32) -> Action {
    Step { times }
}

const ANSWERED: Action = Until { what: Answered };

/// All scenarios.
pub fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    SHIPPED.iter().chain(mistakes::MISTAKES)
}

impl Scenario {
    /// What the viewer should look at in a run of this variant.
    pub fn look(&self, variant: Variant) -> &'static str {
        self.leaderless.filter(|_| variant.traits().leaderless).unwrap_or(self.look)
    }
}

/// The scenarios without a mistake.
static SHIPPED: &[Scenario] = &[
    Scenario {
        name: "no-fault",
        title: "No fault",
        look: "Count the message delays between a submission and its answer. The second command needs no phase 1 in Multi-Paxos and Fast Paxos, and needs one in Basic Paxos.",
        leaderless: None,
        variant: Variant::Multi,
        setting: THREE,
        actions: &[Wait { ms: 90 }, Submit { node: 3 }, ANSWERED, Submit { node: 3 }, ANSWERED],
    },
    Scenario {
        name: "collision-coordinated",
        title: "Collision, coordinated recovery",
        look: "Two clients ask at once, and the acceptors vote for different commands in slot 0. The leader reads these votes as promises for the next ballot and proposes one of the commands there.",
        leaderless: None,
        variant: Variant::Fast,
        setting: COLLIDING,
        actions: COLLISION,
    },
    Scenario {
        name: "collision-uncoordinated",
        title: "Collision, uncoordinated recovery",
        look: "The acceptors send their votes to each other. Each of them sees the collision itself, picks the same command as the others, and votes again without being asked.",
        leaderless: None,
        variant: Variant::Fast,
        setting: Setting { recovery: Recovery::Uncoordinated, ..COLLIDING },
        actions: COLLISION,
    },
    Scenario {
        name: "collision-classic",
        title: "Collision, classic recovery",
        look: "The leader answers the collision with a new classic ballot, with both phases. Compare the time of the answers with the other two recoveries.",
        leaderless: None,
        variant: Variant::Fast,
        setting: Setting { recovery: Recovery::Classic, ..COLLIDING },
        actions: COLLISION,
    },
    Scenario {
        name: "leader-crash",
        title: "Leader crash",
        look: "The leader crashes after it has proposed the second command. The next leader finds the vote for it in phase 1 and proposes the same command again, so it takes effect once.",
        leaderless: Some(
            "No process leads. n0 crashes in phase 1 for the second command. The client then asks every server. Each begins a ballot for the command, and the one that nobody outbids decides it, so it takes effect once.",
        ),
        variant: Variant::Multi,
        setting: THREE,
        actions: &[
            Wait { ms: 90 },
            Submit { node: 3 },
            ANSWERED,
            Submit { node: 3 },
            Wait { ms: 23 },
            Crash { node: 0 },
            ANSWERED,
            Restart { node: 0 },
            Wait { ms: 400 },
        ],
    },
    Scenario {
        name: "duel",
        title: "Duel of proposers",
        look: "No process fails and no message is lost, yet nothing is chosen: each proposer asks for a higher ballot before the others' phase 2 arrives. Try to end the duel: delay messages, or crash a proposer.",
        leaderless: None,
        variant: Variant::Basic,
        setting: Setting { clients: 0, duel: true, delay_ms: (10, 10), ..THREE },
        actions: &[Submit { node: 0 }, Submit { node: 1 }, Submit { node: 2 }, step(70)],
    },
    Scenario {
        name: "quorum-loss",
        title: "Partial partition: quorum loss",
        look: "The leader n0 keeps only its link to n1, and n1 alone still reaches a quorum. A process may lead only if it reaches a quorum, so n1 takes over (Omni-Paxos, section 2).",
        leaderless: Some(
            "No process leads, so none can lose its quorum. The client asks n0, which no longer reaches a quorum, and then every server. n1 is the only one that reaches a quorum, and decides.",
        ),
        variant: Variant::Multi,
        setting: Setting { servers: 5, ..THREE },
        actions: &[
            Wait { ms: 90 },
            Submit { node: 5 },
            ANSWERED,
            Cut { a: 0, b: 2 },
            Cut { a: 0, b: 3 },
            Cut { a: 0, b: 4 },
            Cut { a: 2, b: 3 },
            Cut { a: 2, b: 4 },
            Cut { a: 3, b: 4 },
            Submit { node: 5 },
            ANSWERED,
        ],
    },
    Scenario {
        name: "constrained-election",
        title: "Partial partition: constrained election",
        look: "n1 misses two commands. Then n0 fails, and n1 is the only process that reaches a quorum. It must be able to win although its log is the shortest; phase 1 tells it what it missed.",
        leaderless: Some(
            "No process leads. When n0 has failed, the client asks every server. n1 is the only one that reaches a quorum, although it missed two commands: phase 1 tells it what it missed.",
        ),
        variant: Variant::Multi,
        setting: Setting { servers: 5, ..THREE },
        actions: &[
            Wait { ms: 90 },
            Cut { a: 0, b: 1 },
            Cut { a: 1, b: 2 },
            Cut { a: 1, b: 3 },
            Cut { a: 1, b: 4 },
            Submit { node: 5 },
            ANSWERED,
            Submit { node: 5 },
            ANSWERED,
            Heal { a: 1, b: 2 },
            Heal { a: 1, b: 3 },
            Heal { a: 1, b: 4 },
            Cut { a: 2, b: 3 },
            Cut { a: 2, b: 4 },
            Cut { a: 3, b: 4 },
            Crash { node: 0 },
            Submit { node: 5 },
            ANSWERED,
        ],
    },
    Scenario {
        name: "chained",
        title: "Partial partition: chained",
        look: "The leader n0 and n2 lose their link, and both still reach n1. n2 hears no leader, but no quorum supports it as long as n1 hears one: the leader stays.",
        leaderless: Some(
            "No process leads, so there is no leader to depose. n0 and n2 lose their link, each of them still reaches a quorum with n1, and commands are decided as before.",
        ),
        variant: Variant::Multi,
        setting: THREE,
        actions: &[
            Wait { ms: 90 },
            Submit { node: 3 },
            ANSWERED,
            Cut { a: 0, b: 2 },
            Submit { node: 3 },
            ANSWERED,
            Wait { ms: 900 },
            Submit { node: 3 },
            ANSWERED,
        ],
    },
    Scenario {
        name: "members",
        title: "Change of members",
        look: "n3 takes the place of n2. The change is a command in the log: it takes effect in a later slot, and from there on quorums are made of the new members.",
        leaderless: None,
        variant: Variant::Multi,
        setting: Setting { spares: 1, ..THREE },
        actions: &[
            Wait { ms: 90 },
            Submit { node: 4 },
            ANSWERED,
            Wait { ms: 1500 },
            Replace { node: 0, old: 2, new: 3 },
            ANSWERED,
            Submit { node: 4 },
            ANSWERED,
            Wait { ms: 600 },
        ],
    },
    Scenario {
        name: "slow-disk",
        title: "Slow disk",
        look: "Look at the disks: a vote stands under \"not yet on disk\" until the sync ends, and the message about it leaves only then. n1 crashes with an unwritten vote, and nobody has heard of that vote.",
        leaderless: None,
        variant: Variant::Multi,
        setting: Setting { sync_ms: 30, ..THREE },
        actions: &[
            Wait { ms: 250 },
            Submit { node: 3 },
            ANSWERED,
            StopDisk { node: 1 },
            Submit { node: 3 },
            Wait { ms: 35 },
            Crash { node: 1 },
            ANSWERED,
            StartDisk { node: 1 },
            Restart { node: 1 },
            Wait { ms: 300 },
        ],
    },
];

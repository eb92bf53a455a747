//! Real hosts on tokio, with a network and stores in memory: every variant keeps its promises under any interleaving of
//! tasks, stops and failures. Time is paused: it advances only when all tasks wait, so the tests never wait in real
//! time.

mod changes;
mod claims;
mod joins;
mod limits;
mod local;
mod numbers;
mod store;
mod waits;

use core::future::Future;
use core::time::Duration;
use paxos_core::{Config, Consistency, NodeId, Protocol, RestoreError, Setup, Slot, StateMachine};
use paxos_transport::conformance::cluster;
use paxos_transport::{MemoryCluster, Replicated, Storage, Transport};
use std::sync::Arc;
use tokio::time::timeout;

/// A state machine that records its commands, and can be told to panic; the reply is the index of the command.
#[derive(Clone, Debug, Default, PartialEq)]
struct Journal(cluster::Journal);

impl StateMachine for Journal {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, slot: Slot, command: &u64) -> u64 {
        assert_ne!(*command, PANIC, "told to panic");
        self.0.apply(slot, command) - 1
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        self.0.snapshot()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        self.0.restore(state)
    }
}

impl Journal {
    fn commands(&self) -> &[u64] {
        &self.0.0
    }
}

const PANIC: u64 = u64::MAX;

type Cluster<P> = MemoryCluster<P, Journal>;
type Member<P> = Replicated<P, Journal>;

async fn start<P: Protocol<Value = u64, Reply = u64>>(config: Config) -> Cluster<P> {
    Cluster::<P>::start(config, |_| Journal::default()).await.expect("stores can be read")
}

/// Starts a member with a carrier and a store of the test's choice.
async fn join<P: Protocol<Value = u64, Reply = u64>>(
    id: NodeId,
    config: &Arc<Config>,
    carrier: impl Transport<P>,
    storage: impl Storage<P>,
) -> Member<P> {
    let setup = Setup { id, config: Arc::clone(config), options: P::Options::default() };
    let started = Replicated::start(setup, Journal::default(), Box::new(carrier), Box::new(storage));
    started.await.expect("stores can be read")
}

/// Fails instead of hanging. The time is virtual.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(600), future).await.expect("done in time")
}

/// Returns the journals of these members, once each has executed all that any of them has.
async fn journals<P: Protocol<Value = u64, Reply = u64>>(members: &[&Member<P>]) -> Vec<Vec<u64>> {
    let applied = members.iter().map(|m| m.status().applied).max().expect("members");
    let mut journals = Vec::new();
    for member in members {
        soon(member.until(|status| status.applied >= applied)).await.expect("runs");
        journals.push(
            member.read(Consistency::Local, |journal| journal.commands().to_vec()).await.expect("runs").value,
        );
    }
    journals
}

/// Proposes `commands` at the members in turn, in ten tasks.
async fn propose_at<P: Protocol<Value = u64, Reply = u64>>(
    members: &[&Member<P>],
    commands: core::ops::Range<u64>,
) {
    let commands: Vec<u64> = commands.collect();
    let tasks = commands.chunks(commands.len().div_ceil(10)).enumerate().map(|(i, some)| {
        let (member, some) = (members[i % members.len()].clone(), some.to_vec());
        tokio::spawn(async move {
            for command in some {
                member.propose(command).await.expect("answered");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        soon(task).await.expect("no panic");
    }
}

/// Checks that all journals are equal and contain each of `commands` once.
fn assert_exactly_once(journals: &[Vec<u64>], commands: core::ops::Range<u64>) {
    assert!(journals.iter().all(|journal| *journal == journals[0]), "the journals differ");
    let mut executed = journals[0].clone();
    executed.sort_unstable();
    assert_eq!(executed, commands.collect::<Vec<_>>());
}

/// Tests every claim with every variant.
macro_rules! variants {
    ($claims:tt $($variant:ident: $protocol:ty, $config:expr;)+) => {
        $(variants! { @one $claims $variant $protocol, $config })+
    };
    (@one [$($claim:ident)+] $variant:ident $protocol:ty, $config:expr) => {
        mod $variant {
            $(
                #[tokio::test(start_paused = true)]
                async fn $claim() {
                    super::claims::$claim::<$protocol>($config.expect("lawful")).await;
                }
            )+
        }
    };
}

variants! {
    [
        concurrent_tasks_get_each_command_executed_once_on_every_member
        the_others_go_on_without_a_leader_that_stopped_and_it_catches_up_when_it_is_back
        nothing_that_was_answered_is_lost_when_all_restart
        commands_of_a_member_that_lost_its_disk_or_got_an_older_one_are_not_taken_for_former_ones
        a_member_that_forgot_is_noticed_by_the_others_before_it_votes
        members_keep_a_snapshot_and_who_was_away_gets_it_in_pieces
        what_a_member_is_asked_while_cut_off_happens_once_when_the_network_is_healed
        a_process_without_a_role_gets_answers
        a_read_at_any_member_sees_what_was_answered_before
        messages_that_are_lost_or_doubled_lose_and_double_no_command
        a_store_that_fails_stops_its_process_and_leaves_outcomes_unknown
        every_member_is_replaced_while_commands_go_on
        a_member_is_added_when_it_is_there_and_a_quorum_stays
    ]
    multi: multi_paxos::MultiPaxos<u64, u64>, paxos_core::Config::collapsed(3);
    simple: basic_paxos::BasicPaxos<u64, u64>, basic_paxos::simple(3);
    basic: basic_paxos::BasicPaxos<u64, u64>, basic_paxos::leaderless(3);
    fast: fast_paxos::FastPaxos<u64, u64>, paxos_core::Config::collapsed(3);
}

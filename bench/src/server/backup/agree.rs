//! Runs stopped members in memory, from what their directories hold, until they agree.

use super::BackupError;
use super::offline::{Executed, PATIENCE};
use crate::kv::{Command, Replies, Stamp, Store};
use paxos_core::{Consistency, NodeId, Protocol, Setup, Slot, Snapshot, StateMachine};
use paxos_transport::{
    MemoryNetwork, MemoryStorage, Portable, ProposeError, ReadFailure, Replicated, Saved, Seen,
};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Messages of each member that wait in memory at most.
const CAPACITY: usize = 4096;

/// Runs members in memory until one of them can answer a linearizable read.
pub(super) async fn agree<P>(
    members: Vec<(Setup<P::Options>, Saved<P>)>,
    step: &mut dyn FnMut(String),
) -> Result<(Store, NodeId, Executed), BackupError>
where
    P: Portable + Protocol<Value = Command, Reply = Replies>,
{
    let network = MemoryNetwork::<P>::new(CAPACITY);
    let mut running = Vec::new();
    for (setup, saved) in members {
        let (id, next) = (setup.id, saved.snapshot.as_ref().map_or(Slot(0), Snapshot::next));
        // All of them are stopped, the leader that may have had a lease among them.
        let (carrier, storage) = (network.join(id), MemoryStorage::holding(Saved { lease: None, ..saved }));
        let started = Replicated::start(setup, Store::default(), Box::new(carrier), Box::new(storage)).await;
        let member = started.map_err(|error| BackupError::Memory(format!("{id}: {error}")))?;
        running.push((Arc::new(member), next));
    }
    for (member, next) in &running {
        step(format!("{} executes what its directory holds", member.id()));
        replay(member, *next).await;
    }
    step("the members agree on the last commands".into());
    let mut reads = JoinSet::new();
    for (member, _) in &running {
        let member = Arc::clone(member);
        reads.spawn(async move { (member.id(), read(&member).await) });
    }
    // One of them may have been removed, or be far behind.
    let mut failures = Vec::new();
    while let Some(read) = reads.join_next().await {
        match read {
            Ok((node, Ok(seen))) => {
                let log = Executed { next: seen.applied, chosen: seen.applied, gap: false };
                return Ok((seen.value, node, log));
            }
            Ok((node, Err(failure))) => failures.push((node, failure)),
            Err(error) => return Err(BackupError::Memory(error.to_string())),
        }
    }
    Err(failed(failures))
}

/// Waits until a member has taken over its snapshot, which ends at `next`, and has executed its log. That takes as long as
/// the store is large, and says nothing about a quorum, so there is no deadline. It ends early if the member stops.
async fn replay<P: Protocol, S: StateMachine>(member: &Replicated<P, S>, next: Slot) {
    // A member answers this after a turn, and in one turn it executes all that it knows. Why it stops is told later.
    if member.host_status().await.is_ok() {
        _ = member.until(|status| status.applied >= next).await;
    }
}

/// Why a member does not give its store.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Failure {
    why: String,
    /// Whether it heard a quorum, and only had too little time.
    late: bool,
}

/// Reads the store of a member, with everything that may have been chosen.
async fn read<P>(member: &Replicated<P, Store>) -> Result<Seen<Store>, Failure>
where
    P: Portable + Protocol<Value = Command, Reply = Replies>,
{
    // Some variants propose nothing by themselves. So the last votes would not become chosen without a command behind them.
    let command = Command::new(&Stamp::default(), []);
    if let Err(error) = member.append(command).await {
        let late = error == ProposeError::OutcomeUnknown;
        return Err(failure(member, error.to_string(), late).await);
    }
    let read = member.read(Consistency::Confirmed, Store::clone).await;
    match read {
        Ok(seen) => Ok(seen),
        Err(error) => Err(failure(member, error.to_string(), error == ReadFailure::TimedOut).await),
    }
}

/// A member that has stopped says why. `late`: one that runs was given too little time.
async fn failure<P: Protocol>(member: &Replicated<P, Store>, why: String, late: bool) -> Failure {
    if let Ok(status) = member.host_status().await {
        return Failure { why, late: late && status.surroundings.quorum };
    }
    let ended = member.stopped().await;
    Failure { why: ended.err().map_or(why, |error| error.to_string()), late: false }
}

/// What is told when no member gives its store. Without a quorum, more time would not help.
fn failed(mut failures: Vec<(NodeId, Failure)>) -> BackupError {
    failures.sort_by_key(|(node, _)| *node);
    let late = failures.iter().any(|(_, failure)| failure.late);
    let all: Vec<_> = failures.iter().map(|(node, failure)| format!("{node}: {}", failure.why)).collect();
    let why = all.join("; ");
    if late { BackupError::Late { seconds: PATIENCE.as_secs(), why } } else { BackupError::NoQuorum(why) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use multi_paxos::MultiPaxos;
    use paxos_core::{Bytes, Config, Fold, Former, Limits, Replica, Sections};

    type Kv = MultiPaxos<Command, Replies>;

    fn setup(members: u16, id: u16) -> Setup<()> {
        let mut config = Config::collapsed(members).expect("lawful");
        config.timeouts.give_up = Some(PATIENCE);
        Setup { id: NodeId(id), config: Arc::new(config), options: () }
    }

    fn saved<P: Protocol>(snapshot: Snapshot) -> Saved<P> {
        Saved {
            session: 1,
            store: None,
            former: Former::default(),
            lease: None,
            snapshot: Some(snapshot),
            records: Vec::new(),
        }
    }

    #[tokio::test]
    async fn each_member_that_stops_is_told_with_the_reason() {
        let (machine, empty) = (Bytes::from(vec![7; 100]), Bytes::empty());
        let sections = Sections { next: Slot(5), machine, sessions: empty.clone(), membership: empty };
        let snapshot = Snapshot::new(&sections);
        let members = (0..2).map(|id| (setup(2, id), saved::<Kv>(snapshot.clone()))).collect();
        let mut steps = Vec::new();
        let agreed = agree::<Kv>(members, &mut |step| steps.push(step)).await;
        let error = agreed.expect_err("this is no state of a store").to_string();
        for part in ["n0: the process cannot take over a snapshot", "; n1: the process cannot take over"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(steps[1].starts_with("n1 executes"), "{steps:?}");
    }

    #[tokio::test]
    async fn a_member_is_asked_when_it_has_taken_over_its_snapshot() {
        let machine = || {
            Fold::new(0, |sum: &mut u64, n: &u64| {
                *sum += n;
                *sum
            })
        };
        let blank = Replica::new(machine(), &Limits::default()).snapshot().expect("it can be written down");
        let sections = blank.sections().expect("whole");
        let snapshot = Snapshot::new(&Sections { next: Slot(9), ..sections });
        let network = MemoryNetwork::<MultiPaxos<u64, u64>>::new(CAPACITY);
        let (carrier, storage) =
            (network.join(NodeId(0)), MemoryStorage::holding(saved::<MultiPaxos<u64, u64>>(snapshot)));
        let started = Replicated::start(setup(3, 0), machine(), Box::new(carrier), Box::new(storage)).await;
        let member = started.expect("it runs");
        replay(&member, Slot(9)).await;
        assert_eq!(member.status().applied, Slot(9));
    }

    #[test]
    fn a_quorum_that_had_too_little_time_is_not_called_too_small() {
        let failure = |late| Failure { why: "no answer".into(), late };
        let error = failed(vec![(NodeId(1), failure(false)), (NodeId(0), failure(false))]);
        assert!(matches!(&error, BackupError::NoQuorum(why) if why == "n0: no answer; n1: no answer"));
        assert!(error.to_string().contains("--survivor"), "{error}");
        let error = failed(vec![(NodeId(1), failure(true)), (NodeId(0), failure(false))]).to_string();
        assert!(error.contains("15 s") && !error.contains("--survivor"), "{error}");
    }
}

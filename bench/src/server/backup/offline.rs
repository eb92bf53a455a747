//! Takes a backup from the directories of members that are stopped.

use super::{BackupError, Head, Source, write};
use crate::kv::{Command, Replies, Store};
use crate::server::ClusterFile;
use crate::variants::{Variant, WithStore};
use clap::ValueEnum;
use core::time::Duration;
use paxos_core::{
    Acceptor, Answering, Consistency, Decided, Node, NodeId, Protocol, Replica, Setup, Slot, Time,
};
use paxos_transport::{MemoryNetwork, MemoryStorage, Portable, Replicated, Saved, StoreReport};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// For this long, the members in memory may take to agree.
const PATIENCE: Duration = Duration::from_secs(10);

/// Messages of each member that wait in memory at most.
const CAPACITY: usize = 4096;

/// Which stores to take a backup from, and how.
#[derive(Clone, Copy, Debug)]
pub struct Stores<'a> {
    /// The directories, each of another member of one cluster.
    pub dirs: &'a [PathBuf],
    /// The cluster's file.
    pub cluster: &'a Path,
    /// Whether to make do without a quorum, with the votes of a single member.
    pub survivor: bool,
}

/// What a backup of directories holds.
#[derive(Debug)]
pub struct Recovered {
    /// What the file says of itself.
    pub head: Head,
    /// The first slot that was not executed.
    pub next: Slot,
}

impl Stores<'_> {
    /// Reads the directories, which it does not change, and writes what the members agreed on to the file.
    ///
    /// The members run in memory, as they would from these directories: if they are a quorum, one of them is elected, learns by
    /// phase 1 whatever may have been chosen, and has it chosen. So nothing that was acknowledged is missing.
    ///
    /// # Errors
    /// [`BackupError`]. There is no file then.
    pub fn back_up(self, file: &Path) -> Result<Recovered, BackupError> {
        let cluster = ClusterFile::read(self.cluster)?;
        let mut found: Option<(Variant, NodeId)> = None;
        for dir in self.dirs {
            let (variant, node) = self.owner(dir, &cluster)?;
            let (first, _) = *found.get_or_insert((variant, node));
            if variant != first {
                let what = format!("{variant} wrote it, and {first} the one before it");
                return Err(BackupError::State { store: dir.display().to_string(), what });
            }
        }
        let Some((variant, node)) = found else { return Err(BackupError::NoQuorum) };
        let (store, next) = variant.with_store(Running { stores: self, cluster: &cluster, variant })?;
        let mut source = Source::new(store, node, variant.name());
        let head = write(file, || Ok(source.next_piece()))?;
        Ok(Recovered { head, next })
    }

    /// Who wrote a store.
    fn owner(&self, dir: &Path, cluster: &ClusterFile) -> Result<(Variant, NodeId), BackupError> {
        let report = StoreReport::read(dir)?;
        let store = dir.display().to_string();
        if cluster.name != report.cluster || cluster.place(report.node.0).is_none() {
            let owner = format!("{} of cluster {:?}", report.node, report.cluster);
            let (file, other) = (self.cluster.display().to_string(), format!("cluster {:?}", cluster.name));
            return Err(BackupError::Foreign { store, owner, file, other });
        }
        let name = report.variant.split(',').next().unwrap_or_default();
        let unknown = |_| {
            let what = format!("it was written with {:?}, which this version does not know", report.variant);
            BackupError::State { store, what }
        };
        Ok((Variant::from_str(name, false).map_err(unknown)?, report.node))
    }
}

struct Running<'a> {
    stores: Stores<'a>,
    cluster: &'a ClusterFile,
    variant: Variant,
}

impl WithStore for Running<'_> {
    type Out = Result<(Store, Slot), BackupError>;

    fn run<P>(self, options: P::Options) -> Self::Out
    where
        P: Portable + Protocol<Value = Command, Reply = Replies>,
    {
        let mut members = Vec::new();
        for dir in self.stores.dirs {
            let (report, saved) = StoreReport::read_all::<P>(dir)?;
            let config = self.cluster.config(report.node.0, self.variant.traits().leaderless);
            let mut config = config.map_err(|error| BackupError::State {
                store: dir.display().to_string(),
                what: error.to_string(),
            })?;
            config.timeouts.give_up = Some(PATIENCE);
            members
                .push((Setup { id: report.node, config: Arc::new(config), options: options.clone() }, saved));
        }
        if !self.stores.survivor {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            return runtime.block_on(agree::<P>(members));
        }
        let (Some((setup, saved)), true) = (members.pop(), members.is_empty()) else {
            return Err(BackupError::NoQuorum);
        };
        let store = self.stores.dirs[0].display().to_string();
        execute_votes::<P>(setup, saved).map_err(|what| BackupError::State { store, what })
    }
}

/// Runs members in memory until one of them can answer a linearizable read.
async fn agree<P>(members: Vec<(Setup<P::Options>, Saved<P>)>) -> Result<(Store, Slot), BackupError>
where
    P: Portable + Protocol<Value = Command, Reply = Replies>,
{
    let network = MemoryNetwork::<P>::new(CAPACITY);
    let mut running = Vec::new();
    for (setup, saved) in members {
        let (carrier, storage) = (network.join(setup.id), MemoryStorage::holding(saved));
        let started = Replicated::start(setup, Store::default(), Box::new(carrier), Box::new(storage)).await;
        running.push(started.map_err(|error| BackupError::Memory(error.to_string()))?);
    }
    // Whoever has got furthest need not be told anything first.
    let best = running.iter().max_by_key(|member| member.status().applied);
    let best = best.ok_or(BackupError::NoQuorum)?;
    let seen = best.read(Consistency::Confirmed, Store::clone).await.map_err(|_| BackupError::NoQuorum)?;
    Ok((seen.value, best.status().applied))
}

/// Executes what a single member voted for, as if each of its votes had been chosen.
fn execute_votes<P>(setup: Setup<P::Options>, saved: Saved<P>) -> Result<(Store, Slot), String>
where
    P: Protocol<Value = Command, Reply = Replies>,
{
    let Saved { session, snapshot, records, .. } = saved;
    let mut replica = Replica::new(Store::default(), &setup.config.limits);
    if let Some(snapshot) = &snapshot {
        replica.install(snapshot).map_err(|error| error.to_string())?;
    }
    let node = Node::<P>::restore_from(setup, Time(0), session, snapshot, &records);
    let votes = node.acceptor().and_then(Acceptor::votes);
    let votes = votes.ok_or_else(|| format!("{} does not tell which of its votes come last", P::NAME))?;
    for vote in votes.within(replica.next().onwards()) {
        // What lies behind a gap was not answered to anybody before the gap was filled.
        if vote.first > replica.next() {
            break;
        }
        // Nobody is answered, and the members are of no interest.
        let answering = Answering::everyone();
        replica.execute(Decided { first: vote.first, entries: &vote.batch, answering, members: None });
        drop(replica.answers());
    }
    let next = replica.next();
    Ok((replica.machine().clone(), next))
}

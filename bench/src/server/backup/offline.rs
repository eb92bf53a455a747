//! Takes a backup from the directories of members that are stopped.

use super::agree::agree;
use super::{BackupError, Head, Source, refuse_existing, write};
use crate::kv::{Command, FORMAT, Replies, Store};
use crate::server::ClusterFile;
use crate::variants::{Variant, WithStore};
use clap::ValueEnum;
use core::time::Duration;
use paxos_core::{
    Acceptor, Answering, Decided, Entry, Node, NodeId, Protocol, Replica, Setup, Slot, Time, Votes,
};
use paxos_transport::{Portable, Saved, StoreReport, genesis};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// For this long, the members in memory may take to agree, once they have executed what their directories hold.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// Which stores to take a backup from, and how.
#[derive(Clone, Copy, Debug)]
pub struct Stores<'a> {
    /// The directories, each of another member of one cluster.
    pub dirs: &'a [PathBuf],
    /// The cluster's file.
    pub cluster: &'a Path,
    /// Whether to do without a quorum, with what these members know and voted for.
    pub survivor: bool,
}

/// What a backup of directories holds.
#[derive(Debug)]
pub struct Recovered {
    /// What the file says of itself.
    pub head: Head,
    /// How far the log was executed.
    pub log: Executed,
}

/// How far the log was executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Executed {
    /// Every slot below was executed.
    pub next: Slot,
    /// Every slot below is known to be chosen.
    pub chosen: Slot,
    /// Whether members voted in later slots, behind one of which nothing is known.
    pub gap: bool,
}

impl Stores<'_> {
    /// Reads the directories, which it does not change, and writes what the members agreed on to the file.
    ///
    /// The members run in memory, as they would from these directories: if they are a quorum, one of them is elected, learns
    /// by phase 1 whatever may have been chosen, and has it chosen. So nothing that was acknowledged is missing, as long as
    /// these are the directories that the members used last. It says by `step` what it does.
    ///
    /// # Errors
    /// [`BackupError`]. There is no file then.
    pub fn back_up(self, file: &Path, step: &mut dyn FnMut(String)) -> Result<Recovered, BackupError> {
        refuse_existing(file)?;
        let cluster = ClusterFile::read(self.cluster)?;
        let mut found: Vec<(Variant, NodeId)> = Vec::new();
        for dir in self.dirs {
            step(format!("reads {}", dir.display()));
            let (variant, node) = self.owner(dir, &cluster)?;
            let store = dir.display().to_string();
            if found.iter().any(|(_, other)| *other == node) {
                return Err(BackupError::Twice { store, node });
            }
            if let Some((first, _)) = found.first().filter(|(first, _)| *first != variant) {
                let what = format!("{variant} wrote it, and {first} the one before it");
                return Err(BackupError::State { store, what });
            }
            found.push((variant, node));
        }
        let Some((variant, _)) = found.first().copied() else {
            return Err(BackupError::NoQuorum("there are none".into()));
        };
        let (store, node, log) =
            variant.with_store(Running { stores: self, cluster: &cluster, variant, step })?;
        let mut source = Source::new(store, node, variant.name());
        let head = write(file, |_| Ok(source.next_piece()))?;
        Ok(Recovered { head, log })
    }

    /// Returns the member that wrote a store, and its variant.
    fn owner(&self, dir: &Path, cluster: &ClusterFile) -> Result<(Variant, NodeId), BackupError> {
        let report = StoreReport::read(dir)?;
        let store = dir.display().to_string();
        if cluster.name != report.cluster || cluster.place(report.node.0).is_none() {
            let owner = format!("{} of cluster {:?}", report.node, report.cluster);
            let (file, other) = (self.cluster.display().to_string(), format!("cluster {:?}", cluster.name));
            return Err(BackupError::Foreign { store, owner, file, other });
        }
        let written = report.variant.strip_suffix(&format!(", commands of format {FORMAT}"));
        let variant = written.and_then(|name| Variant::from_str(name, false).ok());
        let unknown = || {
            let what = format!("it was written with {:?}, which this version does not read", report.variant);
            BackupError::State { store: store.clone(), what }
        };
        let variant = variant.ok_or_else(unknown)?;
        let config = cluster
            .config(report.node.0, false)
            .map_err(|error| BackupError::State { store: store.clone(), what: error.to_string() })?;
        let described = genesis(&config);
        if report.genesis != described {
            let (owner, other) = (format!("a cluster that began with {}", report.genesis), described);
            return Err(BackupError::Foreign {
                store,
                owner,
                file: self.cluster.display().to_string(),
                other,
            });
        }
        Ok((variant, report.node))
    }
}

struct Running<'a> {
    stores: Stores<'a>,
    cluster: &'a ClusterFile,
    variant: Variant,
    step: &'a mut dyn FnMut(String),
}

impl WithStore for Running<'_> {
    type Out = Result<(Store, NodeId, Executed), BackupError>;

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
            return runtime.block_on(agree::<P>(members, self.step));
        }
        let store = self.stores.dirs[0].display().to_string();
        execute::<P>(members).map_err(|what| BackupError::State { store, what })
    }
}

/// Executes what any of the members knows to be chosen, and beyond that the vote of the highest ballot in each slot, as if it
/// had been chosen.
fn execute<P>(members: Vec<(Setup<P::Options>, Saved<P>)>) -> Result<(Store, NodeId, Executed), String>
where
    P: Protocol<Value = Command, Reply = Replies>,
{
    let newest =
        members.iter().max_by_key(|(_, saved)| saved.snapshot.as_ref().map(paxos_core::Snapshot::next));
    let (setup, saved) = newest.ok_or("there are no members")?;
    let owner = setup.id;
    let mut replica = Replica::new(Store::default(), &setup.config.limits);
    if let Some(snapshot) = &saved.snapshot {
        replica.install(snapshot).map_err(|error| error.to_string())?;
    }
    let nodes: Vec<Node<P>> = members
        .into_iter()
        .map(|(setup, Saved { session, snapshot, records, .. })| {
            Node::restore_from(setup, Time(0), session, snapshot, &records)
        })
        .collect();
    let votes: Vec<&Votes<Command>> =
        nodes.iter().filter_map(|node| node.acceptor().map(Acceptor::votes)).collect();
    let mut chosen = replica.next();
    loop {
        let slot = replica.next();
        let known = nodes.iter().find_map(|node| node.chosen().get(slot));
        if known.is_some() && chosen == slot {
            chosen = slot.plus(1);
        }
        let highest = || votes.iter().filter_map(|votes| votes.get(slot)).max_by_key(|(ballot, _)| *ballot);
        let Some(entry) = known.or_else(|| highest().map(|(_, entry)| entry)) else { break };
        let entries: &[Entry<Command>] = std::slice::from_ref(entry);
        // Nobody is answered, and the members are of no interest.
        let answering = Answering::everyone();
        replica.execute(Decided { first: slot, entries, answering, members: None });
        drop(replica.answers());
    }
    let next = replica.next();
    let gap = votes.iter().any(|votes| votes.within(next.onwards()).next().is_some())
        || nodes.iter().any(|node| node.chosen().end() > next);
    Ok((replica.machine().clone(), owner, Executed { next, chosen, gap }))
}

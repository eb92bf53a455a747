//! How a host begins: it loads what its store kept, and connects the node with the carrier.

use super::disk::{self, Beside, Pace, Porter, Scribe, Writer};
use super::{Changes, Clock, Ends, Host, HostError, Notices, TraceOut, Waiters, WaitingReads};
use crate::carrier::Transport;
use crate::storage::Storage;
use core::time::Duration;
use paxos_core::{Node, Protocol, Recorded, Replica, Setup, StateMachine, Time, Timeouts};

/// Draws a number that differs from that of every former start of this process, whatever its disk says. The two are
/// equal with probability 2⁻³².
fn draw_nonce() -> Result<u32, HostError> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| HostError::Random(error.to_string().into()))?;
    // 0 stands for processes that draw no number.
    Ok(u32::from_le_bytes(bytes).max(1))
}

/// Refuses waiting times that contradict each other. A store that is opened remembers the lease, so check before that.
pub(crate) fn check(timeouts: &Timeouts) -> Result<(), HostError> {
    match (timeouts.lease, timeouts.election) {
        (Some(lease), Some(election)) if lease >= election => Err(HostError::Lease { lease, election }),
        _ => Ok(()),
    }
}

impl<P, S> Host<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply> + Send + 'static,
{
    /// Loads the store, and creates the node from it.
    pub(super) async fn open(
        setup: Setup<P::Options>,
        machine: S,
        mut transport: Box<dyn Transport<P>>,
        storage: Box<dyn Storage<P>>,
        (requests, status, members): Ends<P, S>,
        mut trace: Option<TraceOut>,
    ) -> Result<Self, HostError> {
        let id = setup.id;
        let election = setup.config.timeouts.election;
        let (needed, longest) = (setup.config.limits.longest_message(), transport.longest_message());
        if let Some(longest) = longest.filter(|longest| *longest < needed) {
            return Err(HostError::Carrier { needed, longest });
        }
        check(&setup.config.timeouts)?;
        let (storage, saved) = disk::load(storage).await?;
        let ballots = saved.records.iter().filter_map(Recorded::ballot);
        if let Some(last) = ballots.filter(|ballot| ballot.next_term(id).is_none()).max() {
            return Err(HostError::Exhausted(last));
        }
        let replica = Replica::new(machine, &setup.config.limits);
        let mut node = if saved.session == 0 && saved.records.is_empty() && saved.snapshot.is_none() {
            Node::new(setup, Time(0))
        } else {
            if let Some(trace) = &mut trace {
                trace.restarted::<P>(setup.id, &saved.records);
            }
            let granted = saved.lease.filter(|granted| Some(*granted) > setup.config.timeouts.lease);
            let mut node = Node::restore_from(setup, Time(0), saved.session, saved.snapshot, &saved.records);
            if let Some(granted) = granted {
                tracing::info!(node = %id, ?granted, "answers no candidate until the leases of its former incarnations have ended");
                node.honour_leases(granted);
            }
            node
        };
        let nonce = draw_nonce()?;
        node.draw(nonce);
        let (store, former) = (saved.store, saved.former);
        if let Some(store) = store {
            node.tell_store(store, &former);
            transport.introduce(store, &former);
        }
        let porter = Porter::start(&*storage)?;
        if porter.works() {
            node.hand_out_pieces();
        }
        Ok(Self {
            id,
            node,
            replica,
            transport,
            scribe: Scribe::new(&*storage),
            porter,
            takeover: Beside::new(storage.blocks()),
            writer: Writer::start(storage)?,
            store,
            former,
            pace: Pace::new(election),
            notices: Notices::default(),
            written: (0, Duration::ZERO),
            clock: Clock::new(),
            requests,
            waiters: Waiters::default(),
            changes: Changes::default(),
            reads: WaitingReads::default(),
            status,
            members,
            inbox: Vec::new(),
            asked: Vec::new(),
            outbox: Vec::new(),
            answers: Vec::new(),
            trace,
        })
    }
}

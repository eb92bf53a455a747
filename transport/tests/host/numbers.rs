//! Numbers that a process finds on its own disk.

use super::Journal;
use multi_paxos::MultiPaxos;
use paxos_core::{Ballot, Config, NodeId, Record, Setup, Slot};
use paxos_transport::{HostError, MemoryNetwork, MemoryStorage, Replicated, Storage};
use std::sync::Arc;

type P = MultiPaxos<u64, u64>;

#[tokio::test(start_paused = true)]
async fn a_process_whose_disk_holds_the_last_ballot_does_not_start() {
    let last = Ballot::classic(Ballot::LAST_ROUND, NodeId(2));
    for ballot in [last, Ballot::classic(Ballot::LAST_ROUND - 1, NodeId(2))] {
        let mut storage = MemoryStorage::<P>::new();
        storage.load().await.expect("nothing");
        let promised = Record::Promised { ballot, slots: Slot(0).onwards() };
        storage.append(&[promised]).await.expect("room");
        let config = Arc::new(Config::collapsed(3).expect("lawful"));
        let setup = Setup { id: NodeId(0), config, options: () };
        let carrier = Box::new(MemoryNetwork::new(64).join(NodeId(0)));
        let started = Replicated::start(setup, Journal::default(), carrier, Box::new(storage)).await;
        match started {
            Err(HostError::Exhausted(found)) => assert_eq!((found, ballot), (last, last)),
            started => assert!(started.is_ok() && ballot < last),
        }
    }
}

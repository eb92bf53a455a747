//! Processes agree on one value, whatever each proposes and whichever lose what was not on disk.

use basic_paxos::{BasicPaxos, SingleDecree, Synod, leaderless};
use paxos_core::{Envelope, Event, Message, NodeId, QuorumError, Record, Slot, Time};
use std::collections::VecDeque;

const RED: u64 = 1;
const GREEN: u64 = 2;
const BLUE: u64 = 3;

type Process = SingleDecree<u64>;
type Said = Vec<Envelope<BasicPaxos<u64, ()>>>;

fn cluster(n: u16) -> Vec<Process> {
    let config = std::sync::Arc::new(leaderless(n).expect("lawful"));
    (0..n).map(|id| SingleDecree::new(NodeId(id), config.clone(), Time(0))).collect()
}

/// The messages a process sends, and the records it has written.
fn speak(process: &mut Process) -> (Said, Vec<Record<u64>>) {
    let (mut said, mut written) = (Vec::new(), Vec::new());
    process.process(|envelope| said.push(envelope), |records| written.extend_from_slice(records));
    (said, written)
}

/// Delivers the messages, and those that follow from them, in order.
fn deliver(processes: &mut [Process], now: Time) {
    let mut letters = VecDeque::new();
    loop {
        for (process, from) in processes.iter_mut().zip(0..) {
            for envelope in speak(process).0 {
                if let Message::Prepare(prepare) = &envelope.message {
                    assert_eq!(prepare.slot, Slot(0));
                }
                letters.extend(envelope.to.iter().map(|to| (NodeId(from), to, envelope.message.clone())));
            }
        }
        let Some((from, to, message)) = letters.pop_front() else { return };
        processes[usize::from(to.0)].step(now, Event::Message { from, message });
    }
}

#[test]
fn what_is_chosen_first_stays_chosen() {
    for n in 1..=5 {
        let mut synod = Synod::new(n).expect("lawful");
        assert_eq!(synod.propose(NodeId(n - 1), RED), RED);
        assert!((0..n).all(|id| synod.propose(NodeId(id), BLUE) == RED));
    }
    assert_eq!(Synod::<u64>::new(0).expect_err("nobody is there"), QuorumError::NoAcceptors);
}

#[test]
fn rivals_agree_on_a_value_that_one_of_them_proposed() {
    let mut processes = cluster(5);
    let values = [RED, GREEN, BLUE];
    processes.iter_mut().zip(values).for_each(|(process, value)| process.propose(Time(0), value));
    for ms in 0..1000 {
        let now = Time(ms * 1_000_000);
        for process in &mut processes {
            if process.deadline().is_some_and(|at| at <= now) {
                process.step(now, Event::Timeout);
            }
        }
        deliver(&mut processes, now);
    }
    let chosen = processes[0].chosen().copied().expect("decided");
    assert!(values.contains(&chosen) && processes.iter().all(|process| process.chosen() == Some(&chosen)));
}

#[test]
fn a_restarted_process_may_change_its_mind_but_not_its_vote() {
    // It crashes before any other process has heard of its proposal, or after it has voted for it.
    for voted in [false, true] {
        let mut processes = cluster(3);
        processes[0].propose(Time(0), RED);
        let (said, mut disk) = speak(&mut processes[0]);
        if voted {
            let Message::Prepare(prepare) = said[0].message.clone() else { panic!("{said:?}") };
            processes[1]
                .step(Time(0), Event::Message { from: NodeId(0), message: Message::Prepare(prepare) });
            let promise = speak(&mut processes[1]).0.remove(0).message;
            processes[0].step(Time(0), Event::Message { from: NodeId(1), message: promise });
            disk.extend(speak(&mut processes[0]).1);
        }
        let config = std::sync::Arc::new(leaderless(3).expect("lawful"));
        processes[0] = SingleDecree::restore(NodeId(0), config, Time(0), 1, &disk);
        processes[0].propose(Time(0), BLUE);
        deliver(&mut processes, Time(0));
        let chosen = if voted { RED } else { BLUE };
        assert!(processes.iter().all(|process| process.chosen() == Some(&chosen)), "voted: {voted}");
    }
}

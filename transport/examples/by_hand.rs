//! Three nodes without tokio, sockets or disks: you carry the messages, keep the records and tell the time.
//!
//! A node is a function of its events. `step` and `submit` tell it what happened, and `process` hands out what follows: records
//! to be written, then messages to be sent, and the outcomes of its own client's commands.

#![expect(clippy::print_stdout, reason = "an example prints what happens")]

use multi_paxos::MultiPaxos;
use paxos_transport::paxos_core::{
    Config, Event, Fold, Message, Node, NodeId, Protocol, QuorumError, Replica, Setup, Time,
};
use std::collections::VecDeque;
use std::sync::Arc;

type Variant = MultiPaxos<u64, u64>;

type Counter = Fold<u64, u64, u64>;

fn counter() -> Counter {
    Fold::new(0, |count, add| {
        *count += add;
        *count
    })
}

/// A process: its node, the state machine with the sessions of its clients, and its disk.
struct Process {
    node: Node<Variant>,
    replica: Replica<Counter>,
    disk: Vec<<Variant as Protocol>::Record>,
}

pub(crate) fn main() -> Result<(), QuorumError> {
    let config = Arc::new(Config::collapsed(3)?);
    let start = |id| Process {
        node: Node::new(Setup { id: NodeId(id), config: Arc::clone(&config), options: () }, Time(0)),
        replica: Replica::new(counter(), &config.limits),
        disk: Vec::new(),
    };
    let mut processes: Vec<Process> = (0..3).map(start).collect();
    let mut network: VecDeque<(NodeId, NodeId, Message<Variant>)> = VecDeque::new();
    let mut now = Time(0);

    processes[2].node.submit(now, 42).expect("its client has nothing under way");
    let answer = 'answered: loop {
        // Each process does all that follows from what it has heard.
        for Process { node, replica, disk } in &mut processes {
            let (me, mut answer) = (node.id(), None);
            node.process(
                replica,
                |envelope| {
                    let to = envelope.to.iter().filter(|to| *to != me);
                    network.extend(to.map(|to| (me, to, envelope.message.clone())));
                },
                // Returns when the records are on disk: only then may the node say what rests on them.
                |records| disk.extend_from_slice(records),
                |outcome| answer = Some(outcome),
            );
            if let Some(answer) = answer {
                break 'answered answer;
            }
        }
        // Then one message arrives or, if there is none, time passes until a node wants to be woken.
        if let Some((from, to, message)) = network.pop_front() {
            println!("{from} -> {to}  {:?}", message.kind());
            processes[usize::from(to.0)].node.step(now, Event::Message { from, message });
        } else {
            now = processes.iter().filter_map(|process| process.node.deadline()).min().expect("a timeout");
            for Process { node, .. } in &mut processes {
                if node.deadline().is_some_and(|at| at <= now) {
                    node.step(now, Event::Timeout);
                }
            }
        }
    };

    let executed = answer.result.expect("nothing was lost");
    println!("{} was executed in slot {} and returned {}", answer.id, executed.slot, executed.reply);
    for Process { node, replica, disk } in &processes {
        let (records, count) = (disk.len(), replica.machine().state);
        println!("{}: {records} records on disk, the counter is {count}", node.id());
    }
    assert_eq!(executed.reply, 42);
    Ok(())
}

//! One node by itself at time 0: a test delivers each message to it and writes its records.

use paxos_core::{Envelope, Event, Message, Node, NodeId, Protocol, Time};

/// Delivers a message.
pub fn hear<P: Protocol>(node: &mut Node<P>, from: NodeId, message: Message<P>) {
    node.step(Time(0), Event::Message { from, message });
}

/// Returns what the node sends until it has nothing more to send; its disk writes at once.
pub fn settle<P: Protocol>(node: &mut Node<P>) -> Vec<Message<P>> {
    let mut sent = Vec::new();
    loop {
        let mut ready = node.ready();
        sent.extend(ready.messages().map(|envelope| envelope.message));
        ready.outcomes().for_each(drop);
        if let Some(write) = ready.append() {
            node.durable(write.durable());
        }
        if !node.is_ready() {
            return sent;
        }
    }
}

/// The kinds of the messages that may leave at once, the number of records to write, and the kinds of the messages that
/// may leave when these are written.
pub fn kinds<P: Protocol>(node: &mut Node<P>) -> (Vec<&'static str>, usize, Vec<&'static str>) {
    let name = |envelope: Envelope<P>| envelope.message.kind().name();
    let mut ready = node.ready();
    let at_once = ready.messages().map(name).collect();
    let Some(write) = ready.append() else { return (at_once, 0, Vec::new()) };
    let records = write.records().len();
    node.durable(write.durable());
    (at_once, records, node.ready().messages().map(name).collect())
}

//! The content of messages of any variant, as facts and as labels.

use core::fmt::Write;
use paxos_core::{
    Ballot, Batch, Entry, Fact, InBallot, Kind, Message, Outcome, PhaseMessage, Protocol, Refusal, Reply,
    Slot, tell_each,
};

/// Calls `tell` with the facts of a message; requests, replies, refusals and other auxiliary messages state none.
pub(crate) fn facts_of<P: Protocol>(message: &Message<P>, tell: &mut dyn FnMut(Fact<'_, P::Value>)) {
    match message {
        Message::Prepare(m) => m.facts(tell),
        Message::Promise(m) => m.facts(tell),
        Message::Accept(m) => m.facts(tell),
        Message::Accepted(m) => m.facts(tell),
        Message::Decide(m) => m.facts(tell),
        Message::Chosen { first, batch, .. } => {
            tell_each(*first, batch, tell, |slot, entry| Fact::Chosen { slot, entry: Some(entry) });
        }
        Message::Request(_)
        | Message::Nack(_)
        | Message::Reply(_)
        | Message::Refuse(_)
        | Message::Heartbeat { .. }
        | Message::Heard { .. }
        | Message::Members { .. }
        | Message::Progress { .. }
        | Message::Forgotten { .. }
        | Message::Recognize { .. }
        | Message::Recognized { .. }
        | Message::CatchUp { .. }
        | Message::PreVote { .. }
        | Message::PreVoteReply { .. }
        | Message::Transfer { .. }
        | Message::Read(_)
        | Message::Offer { .. }
        | Message::Fetch { .. }
        | Message::Chunk { .. } => {}
    }
}

/// Returns a short description of a message: its kind, ballot, slots and values.
pub fn label<P: Protocol>(message: &Message<P>) -> String {
    let kind = message.kind();
    let name = kind.name();
    match message {
        Message::Request(request) => format!("{name}{}", names(&request.commands)),
        Message::Nack(nack) => format!("{name} {}, promised {}", nack.refused, nack.promised),
        Message::Reply(Reply { id, slot, outcome: Outcome::Executed(_) }) => format!("{name} {slot} {id}"),
        Message::Reply(Reply { id, slot, outcome: Outcome::Changed(Ok(from)) }) => {
            format!("{name} {slot} {id}, from {from} on")
        }
        Message::Reply(Reply { id, slot, outcome: Outcome::Changed(Err(_)) }) => {
            format!("{name} {slot} {id}, unchangeable")
        }
        Message::Reply(Reply { id, slot, outcome: Outcome::NotKept }) => {
            format!("{name} {slot} {id}, not kept")
        }
        Message::Reply(Reply { id, outcome: Outcome::SessionExpired { .. }, .. }) => {
            format!("{name} {id} expired")
        }
        Message::Refuse(refused) => match refused.refusal {
            Refusal::NotLeader(Some(leader)) => format!("{name}, {leader} leads"),
            Refusal::NotLeader(None) => format!("{name}, no leader"),
            Refusal::Overloaded(_) => format!("{name}, overloaded"),
        },
        Message::Heartbeat { ballot, chosen, .. } | Message::Transfer { ballot, chosen } => {
            format!("{name} {ballot} chosen <{chosen}")
        }
        Message::Members { members, .. } => format!("{name} {}", members.servers()),
        Message::Heard { ballot, .. } => format!("{name} {ballot}"),
        Message::Progress { chosen, .. } => format!("{name} chosen <{chosen}"),
        Message::Forgotten { known: store, .. }
        | Message::Recognize { store }
        | Message::Recognized { store } => format!("{name} {}", store.mark),
        Message::CatchUp { from } => format!("{name} {}", from.onwards()),
        Message::PreVote { chosen, .. } => format!("{name} {}", chosen.onwards()),
        Message::PreVoteReply { granted: true, .. } => "pre_vote granted".to_owned(),
        Message::PreVoteReply { granted: false, .. } => "pre_vote refused".to_owned(),
        Message::Chosen { first, batch, .. } => {
            format!("{name} {}{}", first.extend(batch.len() as u64), names(batch))
        }
        Message::Read(message) => message.to_string(),
        Message::Offer { snapshot } => format!("{name} <{}", snapshot.next),
        Message::Fetch { snapshot, offset } => format!("{name} <{} from {offset}", snapshot.next),
        Message::Chunk { snapshot, offset, bytes } => {
            format!(
                "{name} <{} {offset}-{} of {}",
                snapshot.next,
                offset + bytes.len() as u64,
                snapshot.length
            )
        }
        Message::Prepare(m) => phase_message(kind, m.ballot(), message),
        Message::Promise(m) => phase_message(kind, m.ballot(), message),
        Message::Accept(m) => phase_message(kind, m.ballot(), message),
        Message::Accepted(m) => phase_message(kind, m.ballot(), message),
        Message::Decide(m) => phase_message(kind, m.ballot(), message),
    }
}

fn phase_message<P: Protocol>(kind: Kind, ballot: Ballot, message: &Message<P>) -> String {
    let mut slots: Option<(Slot, Slot)> = None;
    let mut content = Names::default();
    let mut whole = String::new();
    let mut any = None;
    facts_of(message, &mut |fact| {
        let (slot, entry) = match fact {
            Fact::Prepare { slots, .. } => {
                whole = format!(" {slots}");
                return;
            }
            Fact::Any { ballot, slots } => {
                any = Some((ballot, slots));
                return;
            }
            Fact::Promise { slots, votes, .. } => {
                whole = format!(" {slots}");
                for (slot, ballot, entry) in votes {
                    content.add(|| format!("{slot}={entry}@{ballot}"));
                }
                return;
            }
            Fact::Propose { slot, entry, .. } => (slot, Some(entry)),
            Fact::Vote { slot, entry, .. } | Fact::Chosen { slot, entry } => (slot, entry),
        };
        let (first, _) = slots.unwrap_or((slot, slot));
        slots = Some((first, slot));
        if let Some(entry) = entry {
            content.add(|| entry.to_string());
        }
    });
    if let Some((first, last)) = slots {
        whole = format!(" {}", first.extend(last.since(first) + 1));
    }
    match any {
        Some((opened, slots)) if kind == Kind::Any => format!("{} {opened} {slots}", kind.name()),
        Some((opened, slots)) => {
            format!("{} {ballot}{whole}{}, any {opened} {slots}", kind.name(), content.finish())
        }
        None => format!("{} {ballot}{whole}{}", kind.name(), content.finish()),
    }
}

fn names<V>(batch: &Batch<V>) -> String {
    let mut names = Names::default();
    batch.iter().for_each(|entry: &Entry<V>| names.add(|| entry.to_string()));
    names.finish()
}

/// The first few names, and the number of the others.
#[derive(Default)]
struct Names {
    text: String,
    count: usize,
}

impl Names {
    const SHOWN: usize = 3;

    fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.count <= Self::SHOWN {
            self.text.push(' ');
            self.text.push_str(&name());
        }
    }

    fn finish(mut self) -> String {
        if self.count > Self::SHOWN {
            // Writing to a string cannot fail.
            let _ = write!(self.text, " +{}", self.count - Self::SHOWN);
        }
        self.text
    }
}

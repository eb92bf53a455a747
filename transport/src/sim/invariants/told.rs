//! The invariants of what callers are told about the effects of commands and changes.

use super::{Verdict, execution, hold};
use paxos_core::{Changed, CommandId, NodeId, Outcome, Reply, Slot, Unanswered};
use std::collections::{BTreeMap, BTreeSet};

/// The effect of each command and change, and what its caller was told.
#[derive(Debug, Default)]
pub struct Told {
    /// The slot of each effect, and the result if it is a change.
    effects: BTreeMap<CommandId, (Slot, Outcome<()>)>,
    /// The commands and changes that were reported to have no effect any more.
    ended: BTreeMap<CommandId, Unanswered>,
    /// The commands whose requests the network has duplicated.
    doubled: BTreeSet<CommandId>,
}

impl Told {
    /// Notes that the network delivers a request a second time.
    pub fn doubled(&mut self, ids: impl IntoIterator<Item = CommandId>) {
        self.doubled.extend(ids);
    }

    /// Notes that an entry is chosen in `slot`, with the reply that its client should get.
    ///
    /// # Errors
    /// If the entry takes effect now although its caller was told that it never will.
    pub fn happens(&mut self, slot: Slot, reply: Reply<()>) -> Verdict {
        let Reply { id, slot: first, outcome } = reply;
        if first != slot || matches!(outcome, Outcome::SessionExpired { .. }) {
            return Ok(());
        }
        self.effects.insert(id, (slot, outcome));
        ends_are_true(id, slot, self.ended.get(&id).copied())
    }

    /// Notes that a caller is told that a command or change has no answer.
    ///
    /// # Errors
    /// If the caller is told that it had no effect, but it had one.
    pub fn unanswered(&mut self, id: CommandId, reason: Unanswered) -> Verdict {
        match reason {
            Unanswered::NotLeader(_) | Unanswered::Overloaded(_) if self.doubled.contains(&id) => Ok(()),
            Unanswered::NotLeader(_) | Unanswered::Overloaded(_) => {
                self.ended.insert(id, reason);
                self.effects.get(&id).map_or(Ok(()), |(slot, _)| ends_are_true(id, *slot, Some(reason)))
            }
            // It may have taken effect before.
            Unanswered::SessionExpired => {
                self.ended.insert(id, reason);
                Ok(())
            }
            // This makes no claim.
            Unanswered::OutcomeUnknown | _ => Ok(()),
        }
    }

    /// Checks the result of a change that a caller is told.
    ///
    /// # Errors
    /// If the result was different.
    pub fn changed(&self, node: NodeId, changed: Changed) -> Verdict {
        let effect = self.effects.get(&changed.id).filter(|(slot, _)| *slot == changed.slot);
        let answer = Outcome::Changed(changed.result);
        execution::answers_are_true(
            node,
            changed.id,
            changed.slot,
            Some(&answer),
            effect.map(|(_, outcome)| outcome),
        )
    }
}

/// A command or change never takes effect if its caller was told that it did not, and takes no effect after its caller
/// was told that it will not any more (DESIGN §4). `ended` is what the caller of the entry that takes effect in `slot`
/// was told.
///
/// # Errors
/// If the caller was told so.
pub fn ends_are_true(id: CommandId, slot: Slot, ended: Option<Unanswered>) -> Verdict {
    hold("ends_are_true", ended.is_none(), || {
        let told = ended.map_or("nothing", Unanswered::name);
        format!("{id} takes effect in {slot}, but its caller was told: {told}")
    })
}

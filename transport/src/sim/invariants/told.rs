//! What callers are told of commands and changes that happened, or did not.

use super::{Verdict, execution, hold};
use paxos_core::{Changed, CommandId, NodeId, Outcome, Reply, Slot, Unanswered};
use std::collections::{BTreeMap, BTreeSet};

/// What came of each command and each change, and what its caller was told.
#[derive(Debug, Default)]
pub struct Told {
    /// Where it took effect, and of a change what came of it.
    effects: BTreeMap<CommandId, (Slot, Outcome<()>)>,
    /// It was told to have no effect any more.
    ended: BTreeMap<CommandId, Unanswered>,
    /// The network has delivered copies of requests for these that nobody sent.
    doubled: BTreeSet<CommandId>,
}

impl Told {
    /// The network delivers a request a second time.
    pub fn doubled(&mut self, ids: impl IntoIterator<Item = CommandId>) {
        self.doubled.extend(ids);
    }

    /// An entry is chosen in `slot`, and this is what its client is to be told.
    ///
    /// # Errors
    /// If it takes effect now, and its caller was told that it never will.
    pub fn happens(&mut self, slot: Slot, reply: Reply<()>) -> Verdict {
        let Reply { id, slot: first, outcome } = reply;
        if first != slot || matches!(outcome, Outcome::SessionExpired { .. }) {
            return Ok(());
        }
        self.effects.insert(id, (slot, outcome));
        ends_are_true(id, slot, self.ended.get(&id).copied())
    }

    /// A caller is told that a command or change has no answer.
    ///
    /// # Errors
    /// If it is told that it has not happened, and it has.
    pub fn unanswered(&mut self, id: CommandId, reason: Unanswered) -> Verdict {
        match reason {
            Unanswered::NotLeader(_) | Unanswered::Overloaded(_) if self.doubled.contains(&id) => Ok(()),
            Unanswered::NotLeader(_) | Unanswered::Overloaded(_) => {
                self.ended.insert(id, reason);
                self.effects.get(&id).map_or(Ok(()), |(slot, _)| ends_are_true(id, *slot, Some(reason)))
            }
            // It may have happened before.
            Unanswered::SessionExpired => {
                self.ended.insert(id, reason);
                Ok(())
            }
            // Nothing is said about it.
            Unanswered::OutcomeUnknown | _ => Ok(()),
        }
    }

    /// A caller is told what came of a change.
    ///
    /// # Errors
    /// If something else did.
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

/// A command or change that its caller was told not to have happened never takes effect, and one that was told not to
/// happen any more takes none from then on (DESIGN §4). `ended`: what was told of the one that takes effect in `slot`.
///
/// # Errors
/// If so.
pub fn ends_are_true(id: CommandId, slot: Slot, ended: Option<Unanswered>) -> Verdict {
    hold("ends_are_true", ended.is_none(), || {
        let told = ended.map_or("nothing", Unanswered::name);
        format!("{id} takes effect in {slot}, and its caller was told: {told}")
    })
}

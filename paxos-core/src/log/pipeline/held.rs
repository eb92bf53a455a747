//! Which commands a pipeline holds, for clients that ask again.

use crate::{Batch, CommandId, Entry};
use std::collections::BTreeSet;

/// The ids of all commands in a pipeline. Most commands are asked for once, so the ids are collected when a client asks
/// again, and kept while clients go on asking: a walk through the whole pipeline for each command that is asked for
/// again would take the time in which the commands could be chosen. No id is among them whose command has gone, since it
/// could not be asked for any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    ids: Option<BTreeSet<CommandId>>,
    /// The number of commands that have come or gone since a client asked again.
    changes: usize,
}

/// As many changes are always worth less than to collect the ids again.
const FEW: usize = 1024;

impl Held {
    /// Returns the ids, which are those of `all` if they must be collected.
    pub(super) fn ids<'a, V: 'a>(&mut self, all: impl Iterator<Item = &'a Batch<V>>) -> &BTreeSet<CommandId> {
        self.changes = 0;
        self.ids.get_or_insert_with(|| all.flat_map(|batch| batch.iter()).filter_map(Entry::id).collect())
    }

    /// Notes that commands have come.
    #[inline]
    pub(super) fn came<V>(&mut self, batch: &Batch<V>) {
        if self.ids.is_some() {
            self.change(batch, |ids, id| _ = ids.insert(id));
        }
    }

    /// Notes that commands have gone.
    #[inline]
    pub(super) fn went<V>(&mut self, batch: &Batch<V>) {
        if self.ids.is_some() {
            self.change(batch, |ids, id| _ = ids.remove(&id));
        }
    }

    #[cold]
    fn change<V>(&mut self, batch: &Batch<V>, change: fn(&mut BTreeSet<CommandId>, CommandId)) {
        let Some(ids) = &mut self.ids else { return };
        batch.iter().filter_map(Entry::id).for_each(|id| change(ids, id));
        self.changes += batch.len();
        if self.changes > ids.len().max(FEW) {
            self.forget();
        }
    }

    /// Forgets the ids. They are collected again when they are needed.
    pub(super) fn forget(&mut self) {
        self.ids = None;
    }

    /// Whether ids are kept.
    pub(super) fn is_kept(&self) -> bool {
        self.ids.is_some()
    }
}

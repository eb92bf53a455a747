//! A map from slots to values in runs of consecutive slots, so that work is done once per batch instead of once per
//! slot. The memory of acceptors, the tallies of learners and the log of chosen values are such maps.

use crate::{Batch, NodeSet, Slot, SlotRange};
use std::collections::VecDeque;

/// A value that belongs to a run of slots, and can be cut where the run is cut.
pub trait Divide: Clone {
    /// Keeps the part for the first `at` slots, and returns the part for the rest.
    #[must_use]
    fn split_off(&mut self, at: u64) -> Self;
}

impl Divide for NodeSet {
    fn split_off(&mut self, _at: u64) -> Self {
        *self
    }
}

impl<V> Divide for Batch<V> {
    fn split_off(&mut self, at: u64) -> Self {
        let rest = self.tail(at);
        *self = self.head(at);
        rest
    }
}

impl<T: Divide> Divide for Option<T> {
    fn split_off(&mut self, at: u64) -> Self {
        self.as_mut().map(|t| t.split_off(at))
    }
}

/// Runs of slots in order, without overlap, each with its value. Appending after the last run and access to the first
/// and the last run take constant time; other access is a binary search.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Runs<T> {
    runs: VecDeque<(SlotRange, T)>,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { runs: VecDeque::new() }
    }
}

impl<T: Divide> Runs<T> {
    /// The slot after the last run, or slot 0 if there is none.
    pub fn end(&self) -> Slot {
        self.runs.back().map_or(Slot(0), |(range, _)| range.end)
    }

    /// Whether there is no run.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Iterates over the runs, by slot.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (SlotRange, &T)> {
        self.runs.iter().map(|(range, t)| (*range, t))
    }

    /// The first run.
    pub fn first(&self) -> Option<(SlotRange, &T)> {
        self.runs.front().map(|(range, t)| (*range, t))
    }

    /// The last run.
    pub fn last(&self) -> Option<(SlotRange, &T)> {
        self.runs.back().map(|(range, t)| (*range, t))
    }

    /// The run that contains `slot`.
    pub fn get(&self, slot: Slot) -> Option<(SlotRange, &T)> {
        let (range, t) = self.runs.get(self.find(slot))?;
        range.contains(slot).then_some((*range, t))
    }

    /// Iterates over the runs that overlap `range`, not cut.
    pub fn overlapping(&self, range: SlotRange) -> impl Iterator<Item = (SlotRange, &T)> {
        self.runs
            .range(self.find(range.start)..)
            .map_while(move |(held, t)| (held.start < range.end).then_some((*held, t)))
    }

    /// Removes and returns the first run, if `wanted` holds for it.
    #[inline]
    pub fn pop_first_if(&mut self, wanted: impl FnOnce(SlotRange, &T) -> bool) -> Option<(SlotRange, T)> {
        let (range, t) = self.runs.front()?;
        if wanted(*range, t) { self.runs.pop_front() } else { None }
    }

    /// Removes and returns the first run within `range`, cut to fit, for which `wanted` holds.
    pub fn extract(
        &mut self,
        range: SlotRange,
        mut wanted: impl FnMut(SlotRange, &T) -> bool,
    ) -> Option<(SlotRange, T)> {
        if let Some((held, t)) = self.runs.front()
            && range.start <= held.start
            && held.end <= range.end
            && wanted(*held, t)
        {
            return self.runs.pop_front();
        }
        let from = self.find(range.start);
        let mut reach = self.runs.range(from..).take_while(|(held, _)| held.start < range.end);
        let at = from + reach.position(|(held, t)| wanted(*held, t))?;
        let held = self.runs[at].0;
        if held.intersection(range) != held {
            self.split(range.end);
            let at = if held.start < range.start { self.split(range.start) } else { at };
            return self.runs.remove(at);
        }
        self.runs.remove(at)
    }

    /// Iterates over the parts of the runs within `range`, cut to fit.
    pub fn within(&self, range: SlotRange) -> impl Iterator<Item = (SlotRange, T)> {
        self.runs.range(self.find(range.start)..).map_while(move |(held, t)| {
            let part = held.intersection(range);
            (!part.is_empty()).then(|| (part, cut(*held, t, part)))
        })
    }

    /// Appends `t` for `range` if that lies after all runs. Returns whether it does.
    #[inline]
    pub fn append(&mut self, range: SlotRange, t: impl FnOnce() -> T) -> bool {
        let behind = self.end() <= range.start;
        if behind && !range.is_empty() {
            self.runs.push_back((range, t()));
        }
        behind
    }

    /// Sets `range` to `t`, whatever it held.
    pub fn insert(&mut self, range: SlotRange, t: T) {
        if range.is_empty() {
            return;
        }
        if self.end() <= range.start {
            self.runs.push_back((range, t));
            return;
        }
        let at = self.vacate(range);
        self.runs.insert(at, (range, t));
    }

    /// Sets the slots of `range` that hold nothing to their part of `t`. Returns whether there were any.
    pub fn fill(&mut self, range: SlotRange, t: &T) -> bool {
        self.overlay(range, t, |_| false)
    }

    /// Sets the slots of `range` to their part of `t` where they hold nothing, or a value for which `yields` holds.
    /// Returns whether anything changed.
    #[cold]
    pub fn overlay(&mut self, range: SlotRange, t: &T, yields: impl Fn(&T) -> bool) -> bool {
        let mut changed = false;
        self.update(
            range,
            |gap| {
                changed = true;
                Some(cut(range, t, gap))
            },
            |_, _| {},
        );
        // Whole runs are replaced where they are: there may be many, and to insert one moves all that follow.
        let mut ends = Vec::new();
        let from = self.find(range.start);
        for (held, value) in self.runs.range_mut(from..).take_while(|(held, _)| held.start < range.end) {
            if !yields(value) {
                continue;
            }
            let part = held.intersection(range);
            if part == *held {
                changed = true;
                *value = cut(range, t, part);
            } else {
                ends.push(part);
            }
        }
        for part in ends {
            changed = true;
            self.insert(part, cut(range, t, part));
        }
        changed
    }

    /// Visits every run within `range`, cut at its ends. A gap first becomes a run if `make` returns a value for it.
    pub fn update(
        &mut self,
        range: SlotRange,
        mut make: impl FnMut(SlotRange) -> Option<T>,
        mut visit: impl FnMut(SlotRange, &mut T),
    ) {
        if self.end() <= range.start {
            if let Some(mut t) = (!range.is_empty()).then(|| make(range)).flatten() {
                visit(range, &mut t);
                self.runs.push_back((range, t));
            }
            return;
        }
        let at = self.find(range.start);
        if let Some((held, t)) = self.runs.get_mut(at)
            && *held == range
        {
            visit(range, t);
            return;
        }
        self.update_in_parts(range, make, visit);
    }

    /// [`Runs::update`] where no run matches the range.
    #[cold]
    fn update_in_parts(
        &mut self,
        range: SlotRange,
        mut make: impl FnMut(SlotRange) -> Option<T>,
        mut visit: impl FnMut(SlotRange, &mut T),
    ) {
        let mut at = self.split(range.start);
        self.split(range.end);
        let mut next = range.start;
        while next < range.end {
            let held = self.runs.get(at).map_or(Slot::MAX, |(held, _)| held.start);
            if held > next {
                let gap = SlotRange::new(next, held.min(range.end));
                next = gap.end;
                let Some(t) = make(gap) else { continue };
                self.runs.insert(at, (gap, t));
            }
            let (held, t) = &mut self.runs[at];
            visit(*held, t);
            next = held.end;
            at += 1;
        }
    }

    /// Removes what `range` holds.
    pub fn remove(&mut self, range: SlotRange) {
        if !range.is_empty() {
            self.vacate(range);
        }
    }

    /// Removes every slot below `slot`.
    pub fn remove_below(&mut self, slot: Slot) {
        if self.runs.front().is_none_or(|(range, _)| range.start >= slot) {
            return;
        }
        let whole = self.runs.partition_point(|(range, _)| range.end <= slot);
        self.runs.drain(..whole);
        if let Some((range, t)) = self.runs.front_mut()
            && range.start < slot
        {
            let rest = t.split_off(slot.since(range.start));
            *t = rest;
            range.start = slot;
        }
    }

    /// Returns the index of the first run that ends after `slot`.
    fn find(&self, slot: Slot) -> usize {
        match self.runs.back() {
            None => 0,
            Some((last, _)) if last.end <= slot => self.runs.len(),
            Some((last, _)) if last.start <= slot => self.runs.len() - 1,
            Some(_) if self.runs[0].0.end > slot => 0,
            Some(_) => self.runs.partition_point(|(range, _)| range.end <= slot),
        }
    }

    /// Cuts the run that extends across `slot`, if there is one. Returns the index of the first run from `slot` on.
    fn split(&mut self, slot: Slot) -> usize {
        let at = self.find(slot);
        match self.runs.get_mut(at) {
            Some((range, t)) if range.start < slot => {
                let rest = (SlotRange::new(slot, range.end), t.split_off(slot.since(range.start)));
                range.end = slot;
                self.runs.insert(at + 1, rest);
                at + 1
            }
            _ => at,
        }
    }

    #[cold]
    fn vacate(&mut self, range: SlotRange) -> usize {
        let from = self.split(range.start);
        let to = self.split(range.end);
        self.runs.drain(from..to);
        from
    }
}

/// Returns the part for `part` of `t`, which belongs to `whole`.
fn cut<T: Divide>(whole: SlotRange, t: &T, part: SlotRange) -> T {
    let mut t = t.clone();
    if part.start > whole.start {
        t = t.split_off(part.start.since(whole.start));
    }
    if part.end < whole.end {
        let _rest = t.split_off(part.len());
    }
    t
}

#[cfg(test)]
mod tests;

//! A small checker of traces that knows nothing about the protocols: it reads JSON lines and counts votes.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The rules by which a trace is checked.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// How many votes choose a value in a classic ballot.
    pub(crate) classic: usize,
    /// How many votes choose a value in a fast ballot.
    pub(crate) fast: usize,
    /// Whether each slot has a phase 1 of its own.
    pub(crate) apart: bool,
}

/// Returns the chosen value of each slot, or the line that is wrong.
pub(crate) fn check(trace: &str, rules: Rules) -> Result<BTreeMap<u64, String>, String> {
    let mut judge = Judge::new(rules);
    for line in trace.lines() {
        judge.read(line).map_err(|wrong| format!("{wrong}: {line}"))?;
    }
    Ok(judge.chosen)
}

/// A slot and a round.
type At = (u64, u64);

struct Judge {
    rules: Rules,
    voters: BTreeMap<(At, String), BTreeSet<u64>>,
    votes: BTreeMap<(At, u64), String>,
    proposed: BTreeMap<At, String>,
    chosen: BTreeMap<u64, String>,
    /// For each node: the slot to execute next, and the promises as first slot and round.
    next: BTreeMap<u64, u64>,
    promises: BTreeMap<u64, Vec<At>>,
}

impl Judge {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            voters: BTreeMap::new(),
            votes: BTreeMap::new(),
            proposed: BTreeMap::new(),
            chosen: BTreeMap::new(),
            next: BTreeMap::new(),
            promises: BTreeMap::new(),
        }
    }

    fn read(&mut self, line: &str) -> Result<(), &'static str> {
        let line: Value = serde_json::from_str(line).map_err(|_| "no JSON")?;
        let number = |field: &str| line[field].as_u64().ok_or("a number is missing");
        let value = || line["value"].as_str().map(str::to_owned).ok_or("a value is missing");
        let node = number("node")?;
        match line["step"].as_str().ok_or("no step")? {
            "crash" | "restart" => _ = self.next.remove(&node),
            "prepare" | "any" => _ = number("round")?,
            "promise" => self.promises.entry(node).or_default().push((number("slot")?, number("round")?)),
            "propose" => {
                let at = (number("slot")?, number("round")?);
                if *self.proposed.entry(at).or_insert(value()?) != value()? {
                    return Err("two values are proposed in one ballot");
                }
            }
            "vote" => {
                let at = (number("slot")?, number("round")?);
                let fast = line["fast"].as_bool().ok_or("a ballot is fast or not")?;
                self.vote(node, at, fast, &value()?)?;
            }
            "chosen" => self.is_chosen(number("slot")?, &value()?)?,
            "apply" => {
                let slot = number("slot")?;
                self.is_chosen(slot, &value()?)?;
                let next = self.next.entry(node).or_default();
                if *next != slot {
                    return Err("a slot is executed out of turn");
                }
                *next += 1;
            }
            _ => return Err("an unknown step"),
        }
        Ok(())
    }

    fn vote(&mut self, node: u64, at: At, fast: bool, value: &str) -> Result<(), &'static str> {
        let (slot, round) = at;
        if *self.votes.entry((at, node)).or_insert_with(|| value.to_owned()) != value {
            return Err("a node votes twice in one ballot");
        }
        // A fast ballot has no proposals. In a classic ballot, every vote is for a proposal.
        if !fast && self.proposed.get(&at).is_none_or(|proposed| proposed != value) {
            return Err("a vote for what was not proposed");
        }
        let quorum = if fast { self.rules.fast } else { self.rules.classic };
        let voters = self.voters.entry((at, value.to_owned())).or_default();
        voters.insert(node);
        if voters.len() >= quorum && *self.chosen.entry(slot).or_insert_with(|| value.to_owned()) != value {
            return Err("two values are chosen in one slot");
        }
        let apart = self.rules.apart;
        let covers = |first: u64| if apart { first == slot } else { first <= slot };
        let promises = self.promises.get(&node).map_or(&[][..], Vec::as_slice);
        if promises.iter().any(|(first, promised)| covers(*first) && *promised > round) {
            Err("a vote below a promise")
        } else {
            Ok(())
        }
    }

    fn is_chosen(&self, slot: u64, value: &str) -> Result<(), &'static str> {
        if self.chosen.get(&slot).is_some_and(|chosen| chosen == value) {
            Ok(())
        } else {
            Err("taken to be chosen, without a quorum of votes in one round")
        }
    }
}

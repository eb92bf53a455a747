//! The sums over the seeds, and the failures that they found.

use super::{Kind, Plan, Ran};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A seed that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The failure.
    pub what: String,
    /// A description of the run, with the mishaps that the failure needs.
    pub run: String,
    /// The command that repeats the run.
    pub replay: String,
}

impl Failure {
    /// The failure of a run.
    pub(super) fn of(plan: &Plan, ran: &Ran) -> Self {
        let numbers: Vec<String> = plan.mishaps.iter().map(|mishap| mishap.number.to_string()).collect();
        let mut replay = format!("paxos-bench soak --seeds {}", plan.seed);
        if plan.vary > 0 {
            let _ = write!(replay, " --vary {}", plan.vary);
        }
        if plan.asked {
            let _ = write!(replay, " --variant {}", plan.shape.variant);
        }
        if let Some(planted) = plan.planted {
            let _ = write!(replay, " --planted {}", planted.name());
        }
        if !numbers.is_empty() {
            let _ = write!(replay, " --only {}", numbers.join(","));
        }
        Self { seed: plan.seed, what: ran.failure.clone().unwrap_or_default(), run: plan.to_string(), replay }
    }
}

/// The sum over many seeds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// The number of runs.
    pub runs: u64,
    /// The number of runs that were repeated to compare them.
    pub replayed: u64,
    /// The number of commands that were answered.
    pub answered: u64,
    /// The number of reads that were answered.
    pub read: u64,
    /// The number of runs of each variant.
    pub variants: BTreeMap<String, u64>,
    /// The number of runs with each kind of mishap.
    pub kinds: BTreeMap<Kind, u64>,
    /// The number of runs with each pair of kinds. A kind paired with itself happened more than once.
    #[serde(skip)]
    pub pairs: BTreeMap<(Kind, Kind), u64>,
    /// The number of runs that are variations of seeds, and how many features were reached, where runs are steered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steered: Option<(u64, usize)>,
    /// The failures.
    pub failures: Vec<Failure>,
    /// The description of the run of a single seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
    /// The drawing of the run of a single seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawing: Option<String>,
}

impl Tally {
    pub(super) fn add(&mut self, plan: &Plan, ran: &Ran) {
        self.runs += 1;
        self.answered += ran.answered;
        self.read += ran.read;
        add(&mut self.variants, [(plan.shape.variant.to_string(), 1)]);
        let mut kinds: Vec<Kind> = plan.mishaps.iter().map(|mishap| mishap.kind).collect();
        kinds.sort_unstable();
        let mut pairs: Vec<(Kind, Kind)> = Vec::new();
        for (nth, kind) in kinds.iter().enumerate() {
            pairs.extend(kinds[nth + 1..].iter().map(|other| (*kind, *other)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        kinds.dedup();
        add(&mut self.kinds, kinds.into_iter().map(|kind| (kind, 1)));
        add(&mut self.pairs, pairs.into_iter().map(|pair| (pair, 1)));
    }

    pub(super) fn join(&mut self, other: Self) {
        self.runs += other.runs;
        self.replayed += other.replayed;
        self.answered += other.answered;
        self.read += other.read;
        add(&mut self.variants, other.variants);
        add(&mut self.kinds, other.kinds);
        add(&mut self.pairs, other.pairs);
        self.failures.extend(other.failures);
    }

    /// How many pairs of different kinds happened in one run, and how many are possible.
    fn reached(&self) -> (usize, usize) {
        let all = Kind::ALL
            .iter()
            .enumerate()
            .flat_map(|(nth, one)| Kind::ALL[nth + 1..].iter().map(move |other| (*one, *other)));
        let possible: Vec<_> = all.filter(|(one, other)| one.apart(*other).is_none()).collect();
        let reached = possible.iter().filter(|(one, other)| {
            self.pairs.contains_key(&(*one, *other)) || self.pairs.contains_key(&(*other, *one))
        });
        (reached.count(), possible.len())
    }

    /// The tally as text for people.
    pub fn table(&self) -> String {
        let mut text = self.told.clone().unwrap_or_default();
        text += self.drawing.as_deref().unwrap_or_default();
        for failure in &self.failures {
            let _ = writeln!(
                text,
                "seed {} FAILED: {}\n{}to repeat it: {}\n",
                failure.seed, failure.what, failure.run, failure.replay
            );
        }
        if self.told.is_none() {
            let mut table = Table::new();
            table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(["mishap", "runs with it"]);
            for kind in Kind::ALL {
                let runs = self.kinds.get(&kind).copied().unwrap_or(0);
                table.add_row([kind.to_string(), runs.to_string()]);
            }
            if let Some(column) = table.column_mut(1) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            let _ = writeln!(text, "{table}");
            if let Some((variations, features)) = self.steered {
                let _ = writeln!(
                    text,
                    "{variations} runs are variations of seeds; {features} features were reached"
                );
            }
            let (reached, possible) = self.reached();
            let _ = writeln!(text, "{reached} of {possible} possible pairs of kinds happened together");
        }
        let variants: Vec<String> = self.variants.iter().map(|(name, n)| format!("{name} {n}")).collect();
        let _ = writeln!(
            text,
            "{} runs ({}), {} of them twice; {} commands and {} reads answered; {} failed",
            self.runs,
            variants.join(", "),
            self.replayed,
            self.answered,
            self.read,
            self.failures.len()
        );
        text
    }
}

fn add<K: Ord>(sum: &mut BTreeMap<K, u64>, more: impl IntoIterator<Item = (K, u64)>) {
    for (key, n) in more {
        *sum.entry(key).or_default() += n;
    }
}

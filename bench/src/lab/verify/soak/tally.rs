//! The sums over the seeds, and the failures that they found.

use super::effect::pairs;
use super::{Ends, Kind, Plan, Planted, Ran, Soak, SoakError};
use crate::options::arguments::build;
use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// A seed that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The failure.
    pub what: String,
    /// The failure of the run with all mishaps of the seed, if it was reduced to fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreduced: Option<String>,
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
        let what = ran.failure.as_ref().map(ToString::to_string).unwrap_or_default();
        Self { seed: plan.seed, what, unreduced: None, run: plan.to_string(), replay }
    }
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The version of the program.
    pub version: String,
    /// A checksum of the program: two builds of a version may differ.
    pub build: String,
    /// The first seed, and the one after the last.
    pub seeds: (u64, u64),
    /// Which share of them, counted from 1, of how many.
    pub shard: (u64, u64),
    /// The variant, if not all.
    pub variant: Option<String>,
    /// Whether half of the runs are variations of seeds that reached something rare.
    pub steer: bool,
    /// The mistake that was planted.
    pub planted: Option<Planted>,
}

impl About {
    /// What these options ask for.
    pub(super) fn new(options: &Soak) -> Result<Self, SoakError> {
        let build = build().map_err(|(path, source)| SoakError::file(&path, &source))?;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build,
            seeds: (options.seeds.start, options.seeds.end),
            shard: options.shard,
            variant: options.variant.map(|variant| variant.to_string()),
            steer: options.steer,
            planted: options.planted,
        })
    }

    /// How the results differ from those of another soak, if they must not be put together.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let say = |what: &About| {
            let About { version, build, seeds: (first, end), shard: (k, n), variant, steer: _, planted } =
                what;
            let variant = variant.as_deref().unwrap_or("all");
            let planted = planted.map_or("nothing", Planted::name);
            [
                format!("version {version}"),
                format!("build {build}"),
                format!("seeds {first}..{end}"),
                format!("share {k}/{n}"),
                format!("variant {variant}"),
                format!("{planted} planted"),
            ]
        };
        let (own, others) = (say(self), say(other));
        let (own, other) = own.into_iter().zip(others).find(|(own, other)| own != other)?;
        Some(format!("{own}, not {other}"))
    }
}

/// The number of runs with a pair of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pair {
    kinds: (Kind, Kind),
    runs: u64,
}

fn list<S: Serializer>(pairs: &BTreeMap<(Kind, Kind), u64>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(pairs.iter().map(|(kinds, runs)| Pair { kinds: *kinds, runs: *runs }))
}

fn unlist<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<(Kind, Kind), u64>, D::Error> {
    let pairs = Vec::<Pair>::deserialize(from)?;
    Ok(pairs.into_iter().map(|Pair { kinds, runs }| (kinds, runs)).collect())
}

/// The sum over many seeds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// What was asked for.
    pub about: Option<About>,
    /// The number of runs.
    pub runs: u64,
    /// The number of runs that were repeated to compare them.
    pub replayed: u64,
    /// What became of the commands of clients.
    pub commands: Ends,
    /// What became of the reads.
    pub reads: Ends,
    /// The number of runs of each variant.
    pub variants: BTreeMap<String, u64>,
    /// The number of runs whose plan has each kind of mishap.
    pub drawn: BTreeMap<Kind, u64>,
    /// The number of runs in which each kind of mishap took effect.
    pub kinds: BTreeMap<Kind, u64>,
    /// The number of runs in which each pair of kinds was in effect at the same time. A kind may be paired with itself.
    #[serde(serialize_with = "list", deserialize_with = "unlist")]
    pub pairs: BTreeMap<(Kind, Kind), u64>,
    /// The number of runs that are variations of seeds, and how many features were reached, where runs are steered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steered: Option<(u64, usize)>,
    /// The failures.
    pub failures: Vec<Failure>,
    /// The description of the run of a single seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
    /// The drawing of the run of a single seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<String>,
}

impl Tally {
    pub(super) fn add(&mut self, plan: &Plan, ran: &Ran) {
        self.runs += 1;
        self.commands += ran.commands;
        self.reads += ran.reads;
        add(&mut self.variants, [(plan.shape.variant.to_string(), 1)]);
        let drawn: BTreeSet<Kind> = plan.mishaps.iter().map(|mishap| mishap.kind).collect();
        let kinds: BTreeSet<Kind> = ran.effects.iter().map(|effect| effect.kind).collect();
        add(&mut self.drawn, drawn.into_iter().map(|kind| (kind, 1)));
        add(&mut self.kinds, kinds.into_iter().map(|kind| (kind, 1)));
        add(&mut self.pairs, pairs(&ran.effects).into_iter().map(|pair| (pair, 1)));
    }

    pub(super) fn join(&mut self, other: Self) {
        self.runs += other.runs;
        self.replayed += other.replayed;
        self.commands += other.commands;
        self.reads += other.reads;
        add(&mut self.variants, other.variants);
        add(&mut self.drawn, other.drawn);
        add(&mut self.kinds, other.kinds);
        add(&mut self.pairs, other.pairs);
        self.failures.extend(other.failures);
    }

    /// How many pairs of different kinds were in effect at the same time, and how many are possible.
    fn reached(&self) -> (usize, usize) {
        let all = Kind::ALL
            .iter()
            .enumerate()
            .flat_map(|(nth, one)| Kind::ALL[nth + 1..].iter().map(move |other| (*one, *other)));
        let possible: Vec<_> = all.filter(|(one, other)| one.apart(*other).is_none()).collect();
        let reached = possible.iter().filter(|(one, other)| self.pairs.contains_key(&(*one, *other)));
        (reached.count(), possible.len())
    }

    /// The tally as text for people.
    pub fn table(&self) -> String {
        let mut text = self.told.clone().unwrap_or_default();
        text += self.drawing.as_deref().unwrap_or_default();
        for failure in &self.failures {
            let _ = writeln!(text, "seed {} FAILED: {}", failure.seed, failure.what);
            if let Some(unreduced) = &failure.unreduced {
                let _ = writeln!(text, "with all mishaps of the seed: {unreduced}");
            }
            let _ = writeln!(text, "{}to repeat it: {}\n", failure.run, failure.replay);
        }
        if self.told.is_none() {
            let mut table = Table::new();
            table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header([
                "mishap",
                "runs with it",
                "took effect",
            ]);
            for kind in Kind::ALL {
                let runs = |of: &BTreeMap<Kind, u64>| of.get(&kind).copied().unwrap_or(0).to_string();
                table.add_row([kind.to_string(), runs(&self.drawn), runs(&self.kinds)]);
            }
            for column in table.column_iter_mut().skip(1) {
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
            let _ = writeln!(text, "{reached} of {possible} possible pairs of kinds were in effect together");
        }
        let variants: Vec<String> = self.variants.iter().map(|(name, n)| format!("{name} {n}")).collect();
        let (commands, reads) = (self.commands, self.reads);
        let _ = writeln!(
            text,
            "{} of {} commands answered, {} with an unknown outcome; {} of {} reads answered, {} refused, {} at a process that \
             crashed, {} not begun",
            commands.answered,
            commands.planned,
            commands.unanswered,
            reads.answered,
            reads.planned,
            reads.unanswered,
            reads.abandoned,
            reads.planned - reads.begun,
        );
        let _ = writeln!(
            text,
            "{} runs ({}), {} of them twice; {} failed",
            self.runs,
            variants.join(", "),
            self.replayed,
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

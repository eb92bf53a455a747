//! The results of a load.

use super::draw::Deed;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The longest latency that is recorded exactly, in microseconds.
const LONGEST: u64 = 600_000_000;

/// Counts and latencies of all clients.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counted>);

#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) kinds: BTreeMap<&'static str, Histogram<u64>>,
    pub(super) refused: u64,
    pub(super) unknown: u64,
    pub(super) not_sent: u64,
    pub(super) conflicts: u64,
    pub(super) reconnects: u64,
    /// The first error that occurred.
    pub(super) error: Option<String>,
}

/// The results of one kind of operation, or of all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The kind of operation, or `all`.
    pub op: String,
    /// The number of answered operations.
    pub count: u64,
    /// Answered operations per second.
    pub per_second: f64,
    /// The mean latency in microseconds.
    pub mean_us: f64,
    /// The median latency.
    pub p50_us: u64,
    /// The 90th percentile of latency.
    pub p90_us: u64,
    /// The 99th percentile of latency.
    pub p99_us: u64,
    /// The 99.9th percentile of latency.
    pub p999_us: u64,
    /// The highest latency.
    pub max_us: u64,
}

/// The result of a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The duration in seconds.
    pub seconds: f64,
    /// One row per kind of operation, then one for all together.
    pub rows: Vec<Row>,
    /// Operations that the server refused and did not execute.
    pub refused: u64,
    /// Operations with an unknown outcome.
    pub unknown: u64,
    /// Operations of an open loop that were due, and that no connection took until the timeout after the end.
    pub not_sent: u64,
    /// Compare-and-set operations that found the key changed and did nothing.
    pub conflicts: u64,
    /// Connections that failed and were opened again.
    pub reconnects: u64,
    /// The first error that occurred.
    pub error: Option<String>,
}

impl Deed {
    /// The operation's name in histories and tables.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Get(_) => "get",
            Self::Put(..) => "put",
            Self::Cas(..) => "cas",
            Self::Append(..) => "append",
            Self::Delete(_) => "del",
            Self::Scan(..) => "scan",
        }
    }
}

/// A histogram with three significant digits.
fn histogram() -> Option<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST, 3).ok()
}

impl Tally {
    pub(super) fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answered(&self, kind: &'static str, micros: u64) {
        let mut counted = self.lock();
        if let Some(held) = counted.kinds.get_mut(kind) {
            held.saturating_record(micros.max(1));
        } else if let Some(mut new) = histogram() {
            new.saturating_record(micros.max(1));
            counted.kinds.insert(kind, new);
        }
    }

    /// The number of operations answered so far.
    pub(super) fn count(&self) -> u64 {
        self.lock().kinds.values().map(Histogram::len).sum()
    }

    pub(super) fn report(&self, seconds: f64) -> Report {
        let counted = self.lock().clone();
        let mut all = histogram();
        let mut rows = Vec::new();
        for (kind, held) in &counted.kinds {
            if let Some(all) = &mut all {
                // Both have the same bounds, so this cannot fail.
                _ = all.add(held);
            }
            rows.push(row(kind, held, seconds));
        }
        rows.extend(all.as_ref().map(|all| row("all", all, seconds)));
        Report {
            seconds,
            rows,
            refused: counted.refused,
            unknown: counted.unknown,
            not_sent: counted.not_sent,
            conflicts: counted.conflicts,
            reconnects: counted.reconnects,
            error: counted.error,
        }
    }
}

fn row(op: &str, held: &Histogram<u64>, seconds: f64) -> Row {
    let at = |q| held.value_at_quantile(q);
    Row {
        op: op.into(),
        count: held.len(),
        per_second: held.len() as f64 / seconds.max(1e-9),
        mean_us: held.mean(),
        p50_us: at(0.5),
        p90_us: at(0.9),
        p99_us: at(0.99),
        p999_us: at(0.999),
        max_us: held.max(),
    }
}

impl Report {
    /// The results as a table.
    pub fn table(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
        table.set_header(["", "answered", "a second", "mean ms", "p50", "p90", "p99", "p99.9", "max"]);
        let ms = |us: u64| format!("{:.3}", us as f64 / 1e3);
        // Operations without an answer took longer than all that have one, and are in no histogram.
        let all = self.rows.last().map_or(0, |row| row.count);
        let missing = self.unknown + self.not_sent;
        let high = |share: f64, us: u64| {
            let hidden = missing as f64 > share * (all + missing) as f64;
            format!("{}{}", if hidden { ">" } else { "" }, ms(us))
        };
        for row in &self.rows {
            table.add_row([
                row.op.clone(),
                row.count.to_string(),
                format!("{:.0}", row.per_second),
                format!("{:.3}", row.mean_us / 1e3),
                high(0.5, row.p50_us),
                high(0.1, row.p90_us),
                high(0.01, row.p99_us),
                high(0.001, row.p999_us),
                high(0.0, row.max_us),
            ]);
        }
        let Self { seconds, refused, unknown, conflicts, reconnects, .. } = self;
        let not_sent = match self.not_sent {
            0 => String::new(),
            n => format!(", due and not sent {n}"),
        };
        let hidden = if missing > 0 {
            "\n> at least: what has no answer took longer, and is not among these"
        } else {
            ""
        };
        let error =
            self.error.as_ref().map(|error| format!("\nthe first error: {error}")).unwrap_or_default();
        format!(
            "{table}\n{seconds:.1} s; refused {refused}, unknown {unknown}{not_sent}, conflicts {conflicts}, reconnects \
             {reconnects}{hidden}{error}\n"
        )
    }
}

//! A run of each variant, to step through in the report.

use super::LabError;
use crate::lab::explore::{Script, export_html, export_svg, named, play};
use crate::variants::Variant;

/// The scenario whose runs the report has: two commands, one after the other.
const SCENARIO: &str = "no-fault";

/// A run in the report.
pub(super) struct Stepped {
    pub(super) variant: Variant,
    /// The page of the run, as the value of an HTML attribute in single quotes.
    pub(super) page: String,
    /// The diagram of the run as SVG, for paper and for browsers without a script.
    pub(super) picture: String,
    /// The command that opens the run in the explorer, where it can be changed.
    pub(super) command: String,
}

/// A run of each variant, with the same inputs.
pub(super) fn stepped(seed: u64) -> Result<Vec<Stepped>, LabError> {
    let run = |variant: &Variant| {
        let script = Script::of(named(SCENARIO)?, Some(*variant), seed);
        let run = play(&script)?;
        let (page, picture) = (export_html(&script, &run, false)?, export_svg(&run, false));
        // Double quotes stay as they are: a page has thousands of them.
        let page = page.replace('&', "&amp;").replace('\'', "&#39;");
        let command = format!("paxos-bench explore --scenario {SCENARIO} --variant {variant} --seed {seed}");
        Ok(Stepped { variant: *variant, page, picture, command })
    };
    Variant::ALL.iter().map(run).collect()
}

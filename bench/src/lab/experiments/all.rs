//! All experiments, one file each, in folders by subject, and the list of them.

mod counts;
mod delay;
mod faults;
mod load;
mod quorums;

use super::{Experiment, Findings, LabError};

/// All experiments of the lab. To add one, add a line here.
pub const EXPERIMENTS: &[Experiment] = &[
    counts::EXPERIMENT,
    delay::wan::EXPERIMENT,
    delay::crossover::EXPERIMENT,
    delay::collisions::EXPERIMENT,
    faults::failover::EXPERIMENT,
    quorums::EXPERIMENT,
    faults::duel::EXPERIMENT,
    faults::loss::EXPERIMENT,
    load::saturation::EXPERIMENT,
    load::disk::EXPERIMENT,
    faults::partitions::EXPERIMENT,
    load::ablation::EXPERIMENT,
    load::learners::EXPERIMENT,
];

/// The length of a headline in bytes, with the names of facts. Of a longer lesson, it has the first sentences.
const HEADLINE: usize = 420;

impl Experiment {
    /// The first lesson of these findings, which answers the question, or its first sentences, with `{facts}`; empty if
    /// there is none.
    pub fn headline<'a>(&self, findings: &'a Findings) -> &'a str {
        let lesson = findings.lessons.first().map_or("", String::as_str);
        if lesson.len() <= HEADLINE {
            return lesson;
        }
        let ends: Vec<usize> = lesson.match_indices(". ").map(|(at, _)| at + 1).collect();
        let end = ends.iter().rfind(|end| **end <= HEADLINE).or(ends.first());
        end.map_or(lesson, |end| &lesson[..*end])
    }
}

/// Returns the experiment with this name.
///
/// # Errors
/// [`LabError::Unknown`], with all known names.
pub fn named(name: &str) -> Result<&'static Experiment, LabError> {
    let found = EXPERIMENTS.iter().find(|experiment| experiment.name == name);
    found.ok_or_else(|| LabError::Unknown {
        name: name.chars().take(40).collect(),
        known: EXPERIMENTS.iter().map(|experiment| experiment.name).collect::<Vec<_>>().join(", "),
    })
}

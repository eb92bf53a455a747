//! All experiments, one file each, in folders by subject, and the list of them.

mod counts;
mod delay;
mod faults;
mod load;
mod quorums;

use super::{Experiment, LabError};

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

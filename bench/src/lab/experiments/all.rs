//! The experiments that there are: one file each, in rooms by what they are about, and the list of all.

mod counts;
mod delay;
mod faults;
mod load;
mod quorums;

use super::{Experiment, LabError};

/// The experiments that the lab knows. A new one is one more line here.
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

/// The experiment of this name.
///
/// # Errors
/// [`LabError::Unknown`], with the names there are.
pub fn named(name: &str) -> Result<&'static Experiment, LabError> {
    let found = EXPERIMENTS.iter().find(|experiment| experiment.name == name);
    found.ok_or_else(|| LabError::Unknown {
        name: name.chars().take(40).collect(),
        known: EXPERIMENTS.iter().map(|experiment| experiment.name).collect::<Vec<_>>().join(", "),
    })
}

//! The experiments that there are: one file each, and the list of all.

mod ablation;
mod collisions;
mod counts;
mod crossover;
mod disk;
mod duel;
mod failover;
mod learners;
mod loss;
mod partitions;
mod quorums;
mod saturation;
mod spread;
mod wan;
mod work;

use super::{Experiment, LabError};

/// The experiments that the lab knows. A new one is one more line here.
pub const EXPERIMENTS: &[Experiment] = &[
    counts::EXPERIMENT,
    wan::EXPERIMENT,
    crossover::EXPERIMENT,
    collisions::EXPERIMENT,
    failover::EXPERIMENT,
    quorums::EXPERIMENT,
    duel::EXPERIMENT,
    loss::EXPERIMENT,
    saturation::EXPERIMENT,
    disk::EXPERIMENT,
    partitions::EXPERIMENT,
    ablation::EXPERIMENT,
    learners::EXPERIMENT,
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

//! Experiments on load: the work of processes and disks, and their capacity.

pub(super) mod ablation;
pub(super) mod disk;
pub(super) mod learners;
pub(super) mod saturation;
mod work;

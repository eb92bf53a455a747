//! What processes and disks have to do, and how much of it they can.

pub(super) mod ablation;
pub(super) mod disk;
pub(super) mod learners;
pub(super) mod saturation;
mod work;

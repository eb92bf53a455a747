//! Experiments on message delays and their effect on latency.

pub(super) mod collisions;
pub(super) mod crossover;
mod spread;
pub(super) mod wan;

//! What messages that take their time do to latency.

pub(super) mod collisions;
pub(super) mod crossover;
mod spread;
pub(super) mod wan;

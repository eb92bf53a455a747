//! Whole clusters in virtual time, with every invariant checked after every event.

mod collisions;
mod crashes;
mod mistakes;
mod runs;
mod scene;

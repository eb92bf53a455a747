//! Whole clusters in virtual time, with every invariant checked after every event.

mod leaders;
mod limits;
mod members;
mod reads;
mod runs;
mod scene;

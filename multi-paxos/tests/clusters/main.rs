//! Whole clusters in virtual time, with every invariant checked after every event.

mod crashes;
mod leaders;
mod limits;
mod members;
mod reads;
mod rivals;
mod runs;
mod scene;

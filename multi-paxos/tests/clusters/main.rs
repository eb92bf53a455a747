//! Whole clusters in virtual time, with every invariant checked after every event.

mod crashes;
mod limits;
mod rivals;
mod runs;
mod scene;

//! The lab: compares the variants' messages, delays and latencies with the predictions of theory, runs the
//! variants under faults with every invariant checked, and reports the results.
//!
//! ```text
//! counts    one decision, counted             compare   all rows that the command line asks for
//! wide      one decision over a wide area     simulate  one run, or one decision drawn
//! faults    many decisions, with faults       survey    what a quorum system does
//! quorums   quorum systems by name            report    tables, JSON, CSV, Markdown
//! cluster   from a wish to a configuration    experiments  data, figures, and the report of all
//! verify    every run of a small cluster; any cluster with any mishaps
//! explore   a page to step through a run, and to change it
//! ```

pub mod cluster;
pub mod compare;
pub mod counts;
pub mod experiments;
pub mod explore;
pub mod faults;
pub mod quorums;
pub mod report;
pub mod simulate;
pub mod survey;
pub mod verify;
pub mod wide;

//! The laboratory's measures: what theory predicts, what was measured, and the two side by side.
//!
//! - [`theory`]: the exact number of messages and delays of each variant, and its latency over a wide area;
//! - [`matrix`]: round trips between named sites, built in or from a file;
//! - [`report`]: rows of results, as tables for people and as JSON and CSV for programs.
//!
//! None of them knows the Paxos crates: a prediction that shared code with what it predicts would prove
//! nothing.

pub mod matrix;
pub mod report;
pub mod theory;

//! Reads that need no slot of the log: what they see during faults, and which errors in them are detected.

mod broken;
mod chaos;
mod drift;
mod stopped;
mod support;
mod ways;

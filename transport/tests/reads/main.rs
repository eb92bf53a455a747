//! Reads that need no slot of the log: what they see when everything goes wrong, and what is found when they err.

mod broken;
mod chaos;
mod drift;
mod stopped;
mod support;
mod ways;

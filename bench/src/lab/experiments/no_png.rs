//! Stands for figures as PNG in a build without the feature `png`.

use super::LabError;

/// There is none.
#[derive(Debug)]
pub(super) enum Printer {}

impl Printer {
    /// Says how to get a program that has one.
    pub(super) fn new() -> Result<Self, LabError> {
        Err(LabError::NoPng)
    }

    /// The figure as a PNG file.
    pub(super) fn png(&self, _svg: &str) -> Result<Vec<u8>, LabError> {
        match *self {}
    }
}

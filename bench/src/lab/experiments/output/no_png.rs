//! Stands for figures as PNG in a build without the feature `png`.

use crate::lab::experiments::LabError;

/// There is none.
#[derive(Debug)]
pub(in crate::lab::experiments) enum Printer {}

impl Printer {
    /// Says how to get a program that has one.
    pub(in crate::lab::experiments) fn new() -> Result<Self, LabError> {
        Err(LabError::NoPng)
    }

    /// The figure as a PNG file.
    pub(in crate::lab::experiments) fn png(&self, _svg: &str) -> Result<Vec<u8>, LabError> {
        match *self {}
    }
}

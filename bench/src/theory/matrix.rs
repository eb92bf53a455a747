//! Round trips between named sites, in milliseconds.
//!
//! A wide-area experiment needs to know how long a message takes from each site to each other one.
//! [`RttMatrix::aws`] has built-in figures for 13 regions. [`RttMatrix::from_file`] reads other figures in the
//! same format; if the file has a mistake, it reports where, and does not guess.
//!
//! ```text
//! region,frankfurt,oregon      the first line names the sites, in any order
//! # 30 minutes, at night       lines that start with '#', and empty ones, are skipped
//! oregon,157.6,0.3             one line for each site, in any order: the round trip from it to each column's site
//! frankfurt,0.1,157.5          a site's round trip to itself is the local one
//! ```

mod error;
mod parse;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use error::{Cell, MatrixError};

/// The most sites that a matrix may have: as many as an experiment can have acceptors.
pub const MAX_SITES: usize = 64;

/// The longest name of a site, in characters.
pub const MAX_NAME_CHARS: usize = 40;

/// The longest file that is read, in bytes. 64 sites need less than a twentieth of it.
pub const MAX_BYTES: u64 = 1 << 20;

/// The longest round trip between two sites, in milliseconds. It is one hour, so that a file in other units is
/// noticed.
pub const MAX_RTT_MS: f64 = 3_600_000.0;

/// The round trips between all pairs of sites, in milliseconds.
///
/// The two directions of a pair may differ a little, as measured ones do. Both are kept as given.
///
/// ```
/// use paxos_bench::theory::matrix::RttMatrix;
///
/// let world = RttMatrix::aws().select(&["us-east-1", "eu-west-1"])?;
/// assert_eq!(world.rtt_ms(0, 1), 70.5);
/// assert_eq!(world.one_way_us(0, 1), 35_250);
/// # Ok::<(), paxos_bench::theory::matrix::MatrixError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RttMatrix {
    /// The name of the matrix in messages: the file that it came from.
    name: String,
    sites: Vec<String>,
    /// The rows one after another: the round trip of the pair (a, b) is at `a * sites.len() + b`.
    rtt_ms: Vec<f64>,
}

impl RttMatrix {
    /// The round trips between 13 regions of Amazon Web Services, as measured on 2020-06-05.
    ///
    /// Source: the public data of the fantoch project, <https://github.com/vitorenesduarte/fantoch> (MIT or
    /// Apache-2.0), kept here in `bench/data/aws-rtt-ms.csv`. The two directions of a pair differ by 0.1 ms
    /// at most.
    pub fn aws() -> Self {
        Self::from_csv("aws-rtt-ms.csv", include_str!("../../data/aws-rtt-ms.csv"))
            .expect("the matrix that is built in is well formed: a test reads it")
    }

    /// Reads a matrix from the text of a CSV file in the format shown [above](self). Messages call the file
    /// `name`.
    ///
    /// # Errors
    ///
    /// A [`MatrixError`] for the first mistake. It names the line and the column and says what to do.
    pub fn from_csv(name: &str, text: &str) -> Result<Self, MatrixError> {
        parse::parse(name, text)
    }

    /// Reads a matrix from a CSV file in the format shown [above](self).
    ///
    /// # Errors
    ///
    /// As [`from_csv`](Self::from_csv), and if the file cannot be read, is not UTF-8 or is longer than
    /// [`MAX_BYTES`].
    pub fn from_file(path: &Path) -> Result<Self, MatrixError> {
        let name = path.display().to_string();
        let unreadable = |source| MatrixError::Unreadable { file: name.clone(), source };
        let mut bytes = Vec::new();
        // Reading one byte more than the limit detects a file that is too long, and also ends at a device that
        // never ends.
        let mut limited = File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1);
        limited.read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(MatrixError::TooLong { file: name });
        }
        let text = String::from_utf8(bytes).map_err(|_| MatrixError::NotText { file: name.clone() })?;
        Self::from_csv(&name, &text)
    }

    /// Returns the matrix of some of the sites, in the order given.
    ///
    /// # Errors
    ///
    /// If a name is unknown (the message lists the known ones and suggests the most similar) or given twice, or if
    /// no name is given.
    pub fn select<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, MatrixError> {
        let mut chosen = Vec::with_capacity(names.len());
        for name in names {
            let site = self.index_of(name.as_ref())?;
            if chosen.contains(&site) {
                return Err(MatrixError::SelectedTwice { site: self.sites[site].clone() });
            }
            chosen.push(site);
        }
        if chosen.is_empty() {
            return Err(MatrixError::NothingSelected {
                file: self.name.clone(),
                known: self.sites.join(", "),
            });
        }
        let sites = chosen.iter().map(|&a| self.sites[a].clone()).collect();
        let rtt_ms = chosen.iter().flat_map(|&a| chosen.iter().map(move |&b| self.rtt_ms(a, b))).collect();
        Ok(Self { name: self.name.clone(), sites, rtt_ms })
    }

    /// The name of the matrix: the file that it was read from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the sites, in the order of their numbers.
    pub fn sites(&self) -> &[String] {
        &self.sites
    }

    /// The number of the site with this name.
    ///
    /// # Errors
    ///
    /// If there is no such site: the message lists the known ones and suggests the most similar.
    pub fn index_of(&self, name: &str) -> Result<usize, MatrixError> {
        self.sites.iter().position(|site| site == name).ok_or_else(|| MatrixError::UnknownSite {
            file: self.name.clone(),
            site: parse::quoted(name),
            nearest: parse::nearest(name, &self.sites),
            known: self.sites.join(", "),
        })
    }

    /// The round trip from site `a` to site `b` and back, in milliseconds. For a site and itself, it is the local
    /// round trip.
    ///
    /// # Panics
    ///
    /// If there are not that many sites.
    pub fn rtt_ms(&self, a: usize, b: usize) -> f64 {
        assert!(
            a < self.sites.len() && b < self.sites.len(),
            "no sites {a} and {b} among {}",
            self.sites.len()
        );
        self.rtt_ms[a * self.sites.len() + b]
    }

    /// The time of one message: half the round trip from site `a` to site `b`, in microseconds, rounded.
    ///
    /// # Panics
    ///
    /// If there are not that many sites.
    pub fn one_way_us(&self, a: usize, b: usize) -> u64 {
        (self.rtt_ms(a, b) * 500.0).round() as u64
    }
}

//! The errors of a matrix. Each message is one line that says where the mistake is and what to do.

use std::fmt;
use std::io;

use super::{MAX_BYTES, MAX_NAME_CHARS, MAX_RTT_MS, MAX_SITES};

/// The place of a cell in a matrix file, as an editor shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The file.
    pub file: String,
    /// The line number, from 1. Comments and empty lines are counted.
    pub line: usize,
    /// The cell's number in its line, from 1. Cell 1 is the site's name.
    pub column: usize,
    /// The site that the first line gives for the column.
    pub site: String,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}, column {} ({:?})", self.file, self.line, self.column, self.site)
    }
}

/// Why a matrix could not be read, or why sites could not be selected from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// The file cannot be read.
    #[error("{file}: cannot be read ({source}): check the path")]
    Unreadable {
        /// The file.
        file: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file is not text.
    #[error("{file}: is not UTF-8 text: save it as CSV in UTF-8")]
    NotText {
        /// The file.
        file: String,
    },
    /// The file is longer than any matrix within the limits.
    #[error("{file}: is longer than {MAX_BYTES} bytes: give a matrix of at most {MAX_SITES} sites")]
    TooLong {
        /// The file.
        file: String,
    },
    /// The file has no line except empty ones and comments.
    #[error("{file}: is empty: give a first line `region,<site>,<site>,…` and then one line for each site")]
    Empty {
        /// The file.
        file: String,
    },
    /// The first line does not name the sites.
    #[error(
        "{file}: line {line}, column 1: found {found:?}: start with `region,<site>,<site>,…`, separated by commas"
    )]
    Header {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The first cell.
        found: String,
    },
    /// There are more sites than an experiment can use.
    #[error("{file}: line {line}: names {sites} sites: keep at most {MAX_SITES}")]
    TooManySites {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The number of sites that it names.
        sites: usize,
    },
    /// A site's name is empty, too long, or has control characters.
    #[error(
        "{file}: line {line}, column {column}: {found:?} is not a name: use 1 to {MAX_NAME_CHARS} printable characters"
    )]
    BadName {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The cell's number in its line.
        column: usize,
        /// The name.
        found: String,
    },
    /// Two columns or two lines have the same site.
    #[error(
        "{file}: line {line}, column {column}: site {site:?} occurs a second time: remove one of the two"
    )]
    Duplicate {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The cell's number in its line.
        column: usize,
        /// The site.
        site: String,
    },
    /// A line is for a site that has no column.
    #[error("{file}: line {line}, column 1: the first line has no site {site:?}{}", hint(nearest.as_ref()))]
    NoColumn {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The site.
        site: String,
        /// The column with the most similar name.
        nearest: Option<String>,
    },
    /// A column is for a site that has no line.
    #[error(
        "{file}: line {line}, column {column}: there is no line for site {site:?}: add one with its round trips"
    )]
    NoLine {
        /// The file.
        file: String,
        /// The line that names the column.
        line: usize,
        /// The cell's number in its line.
        column: usize,
        /// The site.
        site: String,
    },
    /// A line ends early, or a cell is empty.
    #[error("{at}: no round trip: write it in milliseconds, such as 70.5")]
    Missing {
        /// The cell.
        at: Cell,
    },
    /// A line has more cells than the first line.
    #[error(
        "{file}: line {line}, column {column}: one cell too many ({found:?}): the first line has only {expected}"
    )]
    Extra {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The cell's number in its line.
        column: usize,
        /// The text of the cell.
        found: String,
        /// The number of cells in the first line.
        expected: usize,
    },
    /// A cell is not a number.
    #[error("{at}: {found:?} is not a number: write the round trip in milliseconds, such as 70.5")]
    NoNumber {
        /// The cell.
        at: Cell,
        /// The text of the cell.
        found: String,
    },
    /// A cell is below zero.
    #[error("{at}: {found} is negative: a round trip takes 0 ms or more")]
    Negative {
        /// The cell.
        at: Cell,
        /// The number in the cell, in milliseconds.
        found: f64,
    },
    /// A cell is infinite or "not a number".
    #[error("{at}: {found:?} is not finite: leave the site out if it cannot be reached")]
    NotFinite {
        /// The cell.
        at: Cell,
        /// The text of the cell.
        found: String,
    },
    /// A cell is above [`MAX_RTT_MS`].
    #[error("{at}: {found} ms is more than the longest allowed, {MAX_RTT_MS} ms: give milliseconds")]
    Slow {
        /// The cell.
        at: Cell,
        /// The number in the cell, in milliseconds.
        found: f64,
    },
    /// The two directions of a pair differ by more than 5 ms and by more than a tenth of the longer one.
    #[error("{at}: {found} ms, but {back} ms in the other direction (line {back_line}): correct one of them")]
    Asymmetric {
        /// The pair's cell on the later line.
        at: Cell,
        /// The number in that cell, in milliseconds.
        found: f64,
        /// The number in the other cell, in milliseconds.
        back: f64,
        /// The line of the other cell.
        back_line: usize,
    },
    /// The requested site is not in the matrix.
    #[error("{file} has no site {site:?}; it has {known}{}", hint(nearest.as_ref()))]
    UnknownSite {
        /// The file.
        file: String,
        /// The requested name.
        site: String,
        /// The most similar known name.
        nearest: Option<String>,
        /// All the known names.
        known: String,
    },
    /// A site was requested twice.
    #[error("site {site:?} is selected twice: name each site once")]
    SelectedTwice {
        /// The site.
        site: String,
    },
    /// No site was requested.
    #[error("no site is selected: name some of those in {file}: {known}")]
    NothingSelected {
        /// The file.
        file: String,
        /// All the known names.
        known: String,
    },
}

fn hint(nearest: Option<&String>) -> String {
    nearest.map_or(String::new(), |name| format!(": did you mean {name:?}?"))
}

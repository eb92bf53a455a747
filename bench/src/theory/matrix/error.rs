//! What can be wrong with a matrix, each in one line that says where and what to do.

use std::fmt;
use std::io;

use super::{MAX_BYTES, MAX_NAME_CHARS, MAX_RTT_MS, MAX_SITES};

/// A cell of a matrix file, as a person would look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The file.
    pub file: String,
    /// The line, the first being 1, comments and empty lines counted.
    pub line: usize,
    /// The cell's number in its line, the first (the site's name) being 1.
    pub column: usize,
    /// The site that the column is about, by the first line.
    pub site: String,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}, column {} ({:?})", self.file, self.line, self.column, self.site)
    }
}

/// Why a matrix could not be read, or sites not be selected from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// The file cannot be read.
    #[error("{file}: cannot be read ({source}): check the path")]
    Unreadable {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is no text.
    #[error("{file}: is no UTF-8 text: save it as CSV in UTF-8")]
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
    /// The file has no line with anything on it.
    #[error("{file}: is empty: give a first line `region,<site>,<site>,…` and then one line for each site")]
    Empty {
        /// The file.
        file: String,
    },
    /// The first line does not name the sites.
    #[error(
        "{file}: line {line}, column 1: found {found:?}: start with `region,<site>,<site>,…`, cells parted by commas"
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
        /// How many sites it names.
        sites: usize,
    },
    /// A site's name is empty, long, or would upset a terminal.
    #[error(
        "{file}: line {line}, column {column}: {found:?} is no name: give it 1 to {MAX_NAME_CHARS} printable characters"
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
    /// A site is named twice: by two columns, or by two lines.
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
    /// A line is about a site that no column is about.
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
    /// A column is about a site that no line is about.
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
    /// A line goes on after its last column.
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
        /// What the cell says.
        found: String,
        /// How many cells the first line has.
        expected: usize,
    },
    /// A cell is no number.
    #[error("{at}: {found:?} is no number: write the round trip in milliseconds, such as 70.5")]
    NoNumber {
        /// The cell.
        at: Cell,
        /// What it says.
        found: String,
    },
    /// A cell is below zero.
    #[error("{at}: {found} is negative: a round trip takes 0 ms or more")]
    Negative {
        /// The cell.
        at: Cell,
        /// What it says, in milliseconds.
        found: f64,
    },
    /// A cell is infinite or "not a number".
    #[error("{at}: {found:?} is not finite: leave the site out if it cannot be reached")]
    NotFinite {
        /// The cell.
        at: Cell,
        /// What it says.
        found: String,
    },
    /// A cell is above [`MAX_RTT_MS`].
    #[error("{at}: {found} ms are more than the longest allowed, {MAX_RTT_MS} ms: give milliseconds")]
    Slow {
        /// The cell.
        at: Cell,
        /// What it says, in milliseconds.
        found: f64,
    },
    /// The two directions of a pair differ by more than 5 ms and by more than a tenth of the longer.
    #[error("{at}: {found} ms, but {back} ms in the other direction (line {back_line}): correct one of them")]
    Asymmetric {
        /// The later of the pair's two cells.
        at: Cell,
        /// What it says, in milliseconds.
        found: f64,
        /// What the other cell says, in milliseconds.
        back: f64,
        /// The line of the other cell.
        back_line: usize,
    },
    /// A site was asked for that is not in the matrix.
    #[error("{file} has no site {site:?}, it has {known}{}", hint(nearest.as_ref()))]
    UnknownSite {
        /// The file.
        file: String,
        /// The name that was asked for.
        site: String,
        /// The known name that is most similar.
        nearest: Option<String>,
        /// All the known names.
        known: String,
    },
    /// A site was asked for twice.
    #[error("site {site:?} is selected twice: name each site once")]
    SelectedTwice {
        /// The site.
        site: String,
    },
    /// No site was asked for.
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

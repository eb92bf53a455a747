//! Parses a matrix from the text of a CSV file.

use super::{Cell, MAX_NAME_CHARS, MAX_RTT_MS, MAX_SITES, MatrixError, RttMatrix};

/// The two directions of a pair may always differ by this much, in milliseconds.
const TOLERATED_MS: f64 = 5.0;

/// The two directions of a pair may differ by this share of the longer one.
const TOLERATED_PART: f64 = 0.1;

/// A line with content: its number, from 1, and its cells.
struct Line {
    number: usize,
    cells: Vec<String>,
}

/// The first line with content: its number, and the sites that it names.
struct Header<'a> {
    file: &'a str,
    number: usize,
    sites: Vec<String>,
}

/// One site's round trips, in the order of the columns, and the number of their line.
struct Row {
    number: usize,
    rtt_ms: Vec<f64>,
}

pub(super) fn parse(file: &str, text: &str) -> Result<RttMatrix, MatrixError> {
    let mut lines = lines(text);
    let first = lines.next().ok_or_else(|| MatrixError::Empty { file: file.to_owned() })?;
    let header = header(file, first)?;
    let mut rows: Vec<Option<Row>> = header.sites.iter().map(|_| None).collect();
    for line in lines {
        let site = header.site_of(&line)?;
        if rows[site].is_some() {
            return Err(header.duplicate(line.number, 1, site));
        }
        rows[site] = Some(header.row(&line)?);
    }
    let rows = header.complete(rows)?;
    header.check_symmetry(&rows)?;
    let rtt_ms = rows.into_iter().flat_map(|row| row.rtt_ms).collect();
    Ok(RttMatrix { name: file.to_owned(), sites: header.sites, rtt_ms })
}

/// Returns the known name most similar to `name`, if at most half of the longer name's letters differ.
pub(super) fn nearest(name: &str, known: &[String]) -> Option<String> {
    // A very long name is no misspelling, and comparing it takes time that grows with its length.
    let comparable = known.iter().filter(|_| name.len() <= 2 * MAX_NAME_CHARS);
    let distance = |site: &&String| strsim::damerau_levenshtein(name, site);
    let found = comparable.min_by_key(distance)?;
    (2 * distance(&found) <= found.len().max(name.len())).then(|| found.clone())
}

fn lines(text: &str) -> impl Iterator<Item = Line> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    numbered
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| Line { number, cells: cells(line) })
}

/// The cells of one line. The csv crate removes the quotes. It is not given the whole text, because as the line of
/// a record it reports that of the first comment or empty line before it.
fn cells(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(line.as_bytes());
    let record = reader.records().next().and_then(Result::ok).unwrap_or_default();
    record.iter().map(str::to_owned).collect()
}

fn header(file: &str, line: Line) -> Result<Header<'_>, MatrixError> {
    let mut cells = line.cells.into_iter();
    let first = cells.next().unwrap_or_default();
    let mut header = Header { file, number: line.number, sites: Vec::new() };
    let names: Vec<String> = cells.collect();
    if !first.eq_ignore_ascii_case("region") || names.is_empty() {
        return Err(MatrixError::Header { file: file.to_owned(), line: line.number, found: quoted(&first) });
    }
    if names.len() > MAX_SITES {
        return Err(MatrixError::TooManySites {
            file: file.to_owned(),
            line: line.number,
            sites: names.len(),
        });
    }
    for (index, name) in names.into_iter().enumerate() {
        let column = index + 2;
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.contains(char::is_control) {
            let (file, found) = (file.to_owned(), quoted(&name));
            return Err(MatrixError::BadName { file, line: line.number, column, found });
        }
        if let Some(site) = header.sites.iter().position(|site| *site == name) {
            return Err(header.duplicate(line.number, column, site));
        }
        header.sites.push(name);
    }
    Ok(header)
}

impl Header<'_> {
    /// The number of the site whose round trips a line has.
    fn site_of(&self, line: &Line) -> Result<usize, MatrixError> {
        let name = line.cells.first().map_or("", String::as_str);
        let (file, number) = (self.file.to_owned(), line.number);
        if name.is_empty() {
            return Err(MatrixError::BadName { file, line: number, column: 1, found: String::new() });
        }
        self.sites.iter().position(|site| site == name).ok_or_else(|| MatrixError::NoColumn {
            file,
            line: number,
            site: quoted(name),
            nearest: nearest(name, &self.sites),
        })
    }

    fn row(&self, line: &Line) -> Result<Row, MatrixError> {
        let expected = self.sites.len() + 1;
        if let Some(found) = line.cells.get(expected) {
            let (file, found) = (self.file.to_owned(), quoted(found));
            return Err(MatrixError::Extra {
                file,
                line: line.number,
                column: expected + 1,
                found,
                expected,
            });
        }
        let cell = |column| self.rtt(line, column);
        Ok(Row { number: line.number, rtt_ms: (0..self.sites.len()).map(cell).collect::<Result<_, _>>()? })
    }

    fn rtt(&self, line: &Line, column: usize) -> Result<f64, MatrixError> {
        let at = self.cell(line.number, column);
        let text = line.cells.get(column + 1).map_or("", String::as_str);
        if text.is_empty() {
            return Err(MatrixError::Missing { at });
        }
        let Ok(found) = text.parse::<f64>() else {
            return Err(MatrixError::NoNumber { at, found: quoted(text) });
        };
        if !found.is_finite() {
            return Err(MatrixError::NotFinite { at, found: quoted(text) });
        }
        if found < 0.0 {
            return Err(MatrixError::Negative { at, found });
        }
        if found > MAX_RTT_MS {
            return Err(MatrixError::Slow { at, found });
        }
        Ok(found)
    }

    /// Checks that every site has its line.
    fn complete(&self, rows: Vec<Option<Row>>) -> Result<Vec<Row>, MatrixError> {
        let named = rows.into_iter().enumerate();
        named
            .map(|(site, row)| {
                row.ok_or_else(|| MatrixError::NoLine {
                    file: self.file.to_owned(),
                    line: self.number,
                    column: site + 2,
                    site: self.sites[site].clone(),
                })
            })
            .collect()
    }

    /// Checks that the two directions of each pair are close. Both are measured with the same packets, so if they
    /// are far apart, one is a mistake.
    fn check_symmetry(&self, rows: &[Row]) -> Result<(), MatrixError> {
        for (a, b) in (0..rows.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let (later, earlier) = if rows[a].number > rows[b].number { (a, b) } else { (b, a) };
            let (found, back) = (rows[later].rtt_ms[earlier], rows[earlier].rtt_ms[later]);
            if (found - back).abs() > TOLERATED_MS.max(TOLERATED_PART * found.max(back)) {
                let at = self.cell(rows[later].number, earlier);
                return Err(MatrixError::Asymmetric { at, found, back, back_line: rows[earlier].number });
            }
        }
        Ok(())
    }

    fn cell(&self, line: usize, column: usize) -> Cell {
        Cell { file: self.file.to_owned(), line, column: column + 2, site: self.sites[column].clone() }
    }

    fn duplicate(&self, line: usize, column: usize, site: usize) -> MatrixError {
        MatrixError::Duplicate { file: self.file.to_owned(), line, column, site: self.sites[site].clone() }
    }
}

/// The part of a cell that fits into a message.
pub(super) fn quoted(cell: &str) -> String {
    match cell.char_indices().nth(MAX_NAME_CHARS) {
        None => cell.to_owned(),
        Some((end, _)) => format!("{}…", &cell[..end]),
    }
}

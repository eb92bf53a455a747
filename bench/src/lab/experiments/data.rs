//! What an experiment finds: tables whose columns say what they mean, and facts that its sentences are made of.

use serde_json::{Map, Value, json};

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// Any other number, to six decimals: so far equal runs are equal on every machine.
    Number(f64),
    /// Nothing: not measured, or no theory.
    Empty,
}

impl Cell {
    /// As it stands in the CSV file.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Empty => String::new(),
        }
    }

    /// The number in it.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(*count as f64),
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Empty => None,
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Count(count) => json!(count),
            Self::Number(number) => json!(number),
            Self::Empty => Value::Null,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl From<u16> for Cell {
    fn from(count: u16) -> Self {
        Self::Count(count.into())
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        let rounded = (number * 1e6).round() / 1e6;
        // Zero has no sign, and what is no number has no row.
        if rounded.is_finite() { Self::Number(rounded + 0.0) } else { Self::Empty }
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// A row of values of several kinds: `row!["fast", 5_u64, 0.625]`.
#[macro_export]
macro_rules! row {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::lab::experiments::Cell::from($value)),*]
    };
}

/// A table; it becomes `NAME.csv`.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name, a word or two with a dash.
    pub name: &'static str,
    /// The columns: the name, and what it means, with its unit.
    pub columns: Vec<(&'static str, &'static str)>,
    /// The rows, each with a value for each column.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    pub fn new(name: &'static str, columns: &[(&'static str, &'static str)]) -> Self {
        Self { name, columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If it has not as many values as there are columns.
    pub fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(
            row.len(),
            self.columns.len(),
            "a row of the table {} has a value for each column",
            self.name
        );
        self.rows.push(row);
    }

    /// The value in this row (from 0 on) and column.
    pub fn cell(&self, row: usize, column: &str) -> Option<&Cell> {
        let column = self.columns.iter().position(|(name, _)| *name == column)?;
        self.rows.get(row)?.get(column)
    }

    /// The table as a CSV file with a header.
    pub fn csv(&self) -> String {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let header = self.columns.iter().map(|(name, _)| (*name).to_owned());
        let rows = self.rows.iter().map(|row| row.iter().map(Cell::text).collect::<Vec<_>>());
        for record in std::iter::once(header.collect::<Vec<_>>()).chain(rows) {
            writer
                .write_record(record)
                .expect("rows are as long as the header, and memory can be written to");
        }
        let bytes = writer.into_inner().expect("memory can always be written to");
        String::from_utf8(bytes).expect("made of strings only")
    }

    /// The table as JSON: what the columns mean, and an object for each row.
    pub fn json(&self) -> Value {
        let object = |row: &Vec<Cell>| -> Map<String, Value> {
            self.columns.iter().zip(row).map(|((name, _), cell)| ((*name).to_owned(), cell.json())).collect()
        };
        let columns: Vec<Value> =
            self.columns.iter().map(|(name, meaning)| json!({"name": name, "meaning": meaning})).collect();
        json!({"columns": columns, "rows": self.rows.iter().map(object).collect::<Vec<_>>()})
    }
}

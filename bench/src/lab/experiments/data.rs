//! The data of an experiment: tables with a meaning for each column.

use serde_json::{Map, Value, json};

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A whole number.
    Count(u64),
    /// Any other number, rounded to six decimals. To this precision, equal runs are equal on every machine.
    Number(f64),
    /// No value: it was not measured, or has no theory.
    Empty,
}

impl Cell {
    /// The value as written in the CSV file.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Empty => String::new(),
        }
    }

    /// The value as a number, if it is one.
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
        // Adding zero turns -0 into 0. A value that is not finite becomes an empty cell.
        if rounded.is_finite() { Self::Number(rounded + 0.0) } else { Self::Empty }
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// The two ends of a range, as the text of a cell.
pub(super) fn span(low: f64, high: f64) -> String {
    format!("{low} to {high}")
}

/// Makes a row from values of several types: `row!["fast", 5_u64, 0.625]`.
#[macro_export]
macro_rules! row {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::lab::experiments::Cell::from($value)),*]
    };
}

/// A table, which is written to `NAME.csv`.
#[derive(Clone, Debug)]
pub struct Table {
    /// The table's name: a word, or two with a dash.
    pub name: &'static str,
    /// The columns: the name of each, and its meaning with the unit.
    pub columns: Vec<(&'static str, &'static str)>,
    /// The rows, each with one value per column.
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
    /// If the row does not have one value per column.
    pub fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(
            row.len(),
            self.columns.len(),
            "a row of the table {} has a value for each column",
            self.name
        );
        self.rows.push(row);
    }

    /// The value in this row (counted from 0) and column.
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

    /// The table as JSON: the meaning of each column, and an object for each row.
    pub fn json(&self) -> Value {
        let object = |row: &Vec<Cell>| -> Map<String, Value> {
            self.columns.iter().zip(row).map(|((name, _), cell)| ((*name).to_owned(), cell.json())).collect()
        };
        let columns: Vec<Value> =
            self.columns.iter().map(|(name, meaning)| json!({"name": name, "meaning": meaning})).collect();
        json!({"columns": columns, "rows": self.rows.iter().map(object).collect::<Vec<_>>()})
    }
}

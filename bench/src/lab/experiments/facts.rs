//! Facts: the numbers in captions and conclusions. Each is a row of the table `summary`, so that every number in a
//! sentence can be traced to the data.

use super::data::{Cell, Table};
use std::collections::BTreeSet;

/// The columns of the table.
const COLUMNS: [(&str, &str); 4] = [
    ("fact", "the name by which captions and conclusions refer to it"),
    ("value", "its value"),
    ("unit", "the unit of the value; empty: a count, a ratio or a name"),
    ("meaning", "what it is, and from which rows it was computed"),
];

/// The facts of one experiment.
#[derive(Clone, Debug)]
pub struct Facts(Table);

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Plain text.
    Words(String),
    /// A fact.
    Fact {
        /// The value as shown: rounded, with its unit.
        shown: String,
        /// The value as written in the table.
        value: String,
        /// The row of `summary.csv` with the fact, counted from 1 without the header.
        row: usize,
    },
}

impl Default for Facts {
    fn default() -> Self {
        Self(Table::new("summary", &COLUMNS))
    }
}

impl Facts {
    /// Adds a fact.
    ///
    /// # Panics
    /// If there already is a fact with this name.
    pub fn add(&mut self, name: &str, value: impl Into<Cell>, unit: &str, meaning: impl Into<String>) {
        assert!(self.row(name).is_none(), "there are two facts {name}");
        self.0.push(vec![name.into(), value.into(), unit.into(), meaning.into().into()]);
    }

    /// Adds a parameter of the runs.
    ///
    /// # Panics
    /// As [`Facts::add`].
    pub fn set(&mut self, name: &str, value: impl Into<Cell>, unit: &str) {
        self.add(name, value, unit, "a parameter, held constant");
    }

    /// The table of all facts.
    pub const fn table(&self) -> &Table {
        &self.0
    }

    /// The number of a fact, if its value is a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.0.cell(self.row(name)?, "value")?.number()
    }

    /// Whether the value of a fact is the number zero.
    pub fn is_zero(&self, name: &str) -> bool {
        self.number(name).is_some_and(|number| number.abs() < f64::EPSILON)
    }

    fn row(&self, name: &str) -> Option<usize> {
        self.0.rows.iter().position(|row| row[0].text() == name)
    }

    /// Fills in each `{fact}` of a sentence.
    ///
    /// # Panics
    /// If the sentence names an unknown fact, or if a brace is not closed.
    pub fn say(&self, sentence: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = sentence;
        while let Some((words, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').unwrap_or_else(|| panic!("{sentence}: a brace is not closed"));
            let row = self.row(name).unwrap_or_else(|| panic!("{sentence}: there is no fact {name}"));
            let (value, unit) = (&self.0.rows[row][1], self.0.rows[row][2].text());
            pieces.push(Piece::Words(words.to_owned()));
            pieces.push(Piece::Fact { shown: shown(value, &unit), value: value.text(), row: row + 1 });
            rest = after;
        }
        pieces.push(Piece::Words(rest.to_owned()));
        pieces
    }

    /// The rows of the facts in these sentences, counted from 1, in ascending order.
    pub fn rows_in(&self, sentences: &[String]) -> BTreeSet<usize> {
        let row = |piece| match piece {
            Piece::Words(_) => None,
            Piece::Fact { row, .. } => Some(row),
        };
        sentences.iter().flat_map(|sentence| self.say(sentence)).filter_map(row).collect()
    }

    /// The sentence as plain text.
    ///
    /// # Panics
    /// As [`Facts::say`].
    pub fn plain(&self, sentence: &str) -> String {
        let text = |piece| match piece {
            Piece::Words(words) => words,
            Piece::Fact { shown, .. } => shown,
        };
        self.say(sentence).into_iter().map(text).collect()
    }
}

/// A value with its unit, with as many digits as can be read at a glance.
fn shown(value: &Cell, unit: &str) -> String {
    let text = match value {
        Cell::Number(number) => {
            let (exact, rounded) = (value.text(), rounded(*number));
            if exact.len() < rounded.len() { exact } else { rounded }
        }
        Cell::Text(_) | Cell::Count(_) | Cell::Empty => value.text(),
    };
    match unit {
        "" => text,
        "%" => format!("{text}\u{a0}%"),
        unit => format!("{text}\u{a0}{unit}"),
    }
}

/// A number rounded to about three digits. Digits before the point are always kept.
pub(super) fn rounded(number: f64) -> String {
    let decimals = match number.abs() {
        _ if number.fract() == 0.0 => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 4,
    };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_shows_its_facts_and_names_their_rows() {
        let mut facts = Facts::default();
        facts.add("share", 62.468, "%", "of all");
        facts.add("runs", 400_u64, "", "all");
        facts.set("delay", 7.5, "ms");
        assert_eq!(facts.plain("{share} of {runs} runs."), "62.5\u{a0}% of 400 runs.");
        assert_eq!(facts.plain("{delay}"), "7.5\u{a0}ms");
        let pieces = facts.say("{share} of {runs} runs.");
        assert_eq!(pieces[3], Piece::Fact { shown: "400".into(), value: "400".into(), row: 2 });
        assert_eq!(facts.table().csv().lines().nth(1), Some("share,62.468,%,of all"));
    }

    #[test]
    #[should_panic(expected = "there is no fact shore")]
    fn a_sentence_without_its_fact_is_refused() {
        Facts::default().say("{shore}");
    }
}

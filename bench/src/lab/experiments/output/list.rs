//! The list of all experiments.

use crate::lab::experiments::{EXPERIMENTS, Table};
use crate::lab::report::Format;
use crate::row;
use std::fmt::Write;

/// Lists all experiments with the question of each. Tables for other programs have the sources as well.
pub(in crate::lab::experiments) fn list(format: Format) -> String {
    let columns = [
        ("experiment", "the name on the command line"),
        ("question", "the question that it answers"),
        ("source", "the source of the question or the method"),
    ];
    let mut table = Table::new("experiments", &columns);
    for one in EXPERIMENTS {
        table.push(row![one.name, one.question, one.source]);
    }
    let mut text = String::new();
    for one in EXPERIMENTS {
        // Writing to a string cannot fail.
        let _ = match format {
            Format::Csv => return table.csv(),
            Format::Json => return format!("{:#}\n", table.json()["rows"]),
            Format::Table => writeln!(text, "{:<12} {}", one.name, one.question),
            Format::Markdown => writeln!(text, "- `{}`: {}", one.name, one.question),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_lists_every_experiment() {
        let json: Vec<serde_json::Value> = serde_json::from_str(&list(Format::Json)).expect("an array");
        let names: Vec<&str> = json.iter().filter_map(|one| one["experiment"].as_str()).collect();
        assert_eq!(names, EXPERIMENTS.iter().map(|one| one.name).collect::<Vec<_>>());
        for format in [Format::Table, Format::Markdown, Format::Csv] {
            let text = list(format);
            assert!(EXPERIMENTS.iter().all(|one| text.contains(one.name) && text.contains(one.question)));
        }
    }
}

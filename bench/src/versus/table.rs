//! The result as text. Lines have at most 100 columns where possible.

use super::report::{Missing, Point, Report};
use super::systems::{Promise, Started};
use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write;

/// The width of the terminal that the text is made for.
const WIDTH: usize = 100;

impl Report {
    /// The result as tables.
    pub fn table(&self) -> String {
        let Self { variant, nodes, value_size, seconds, rounds, data, .. } = self;
        let mut text = format!(
            "{variant}, {nodes} members, values of {value_size} bytes, {rounds} x {seconds} s each, on {data}\n\
             median of the rounds (lowest–highest)\n\n"
        );
        // Writing to a string cannot fail.
        _ = writeln!(text, "{}\n", self.absolute());
        if self.points.iter().any(|point| !point.ratios.is_empty()) {
            _ = writeln!(text, "the cluster divided by the other, round by round: median (lowest–highest)\n");
            _ = writeln!(text, "{}\n", self.ratios());
        }
        for started in &self.started {
            describe(&mut text, started);
        }
        self.remark(&mut text);
        text
    }

    fn absolute(&self) -> Table {
        let mut table = table(["clients", "system", "writes/s", "p50 ms", "p99 ms"]);
        for Point { clients, systems, .. } in &self.points {
            for system in systems {
                table.add_row([
                    clients.to_string(),
                    system.system.to_owned(),
                    system.per_second.show(1.0, ""),
                    system.p50_us.show(1e-3, ""),
                    system.p99_us.show(1e-3, ""),
                ]);
            }
        }
        table
    }

    fn ratios(&self) -> Table {
        let mut table = table(["clients", "cluster to", "writes/s", "p50", "p99"]);
        for Point { clients, ratios, .. } in &self.points {
            for ratio in ratios {
                table.add_row([
                    clients.to_string(),
                    ratio.to.to_owned(),
                    ratio.per_second.show(1.0, " x"),
                    ratio.p50.show(1.0, " x"),
                    ratio.p99.show(1.0, " x"),
                ]);
            }
        }
        table
    }

    /// Adds remarks about missing systems, failures and the directory.
    fn remark(&self, text: &mut String) {
        for Missing { name, program } in &self.missing {
            _ = writeln!(
                text,
                "{name}: missing. There is no {program} on the PATH; install it, or leave it out of --against"
            );
        }
        for Point { clients, systems, .. } in &self.points {
            for system in systems.iter().filter(|system| system.failed > 0) {
                let (name, failed) = (system.system, system.failed);
                _ = writeln!(
                    text,
                    "{name}: with --clients {clients}, {failed} writes failed or were refused"
                );
            }
        }
        if self.in_memory == Some(true) {
            let data = &self.data;
            _ = writeln!(
                text,
                "{data} is in memory, so no disk took part: name a directory on one with --data"
            );
        }
    }
}

fn table(header: [&str; 5]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    for (nth, column) in table.column_iter_mut().enumerate() {
        if nth != 1 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Describes a system's promises and how it was started.
fn describe(text: &mut String, Started { name, commands, promise }: &Started) {
    let Promise { durability, replication, reads, wire } = promise;
    _ = writeln!(text, "{name}");
    for (what, promise) in [
        ("durability", durability.as_str()),
        ("replication", replication),
        ("reads", reads),
        ("asked in", wire),
    ] {
        _ = writeln!(text, "  {what:<13}{promise}");
    }
    if let Some((first, more)) = commands.split_first() {
        let which = match more.len() {
            0 => "started as".to_owned(),
            more => format!("started as, and {more} more alike"),
        };
        _ = writeln!(text, "  {which}\n    {}", wrap(first));
    }
    text.push('\n');
}

/// Wraps a command line so that a shell still accepts it. Its words must not contain line ends.
fn wrap(command: &str) -> String {
    let (mut text, mut column) = (String::new(), 4);
    for word in command.split(' ') {
        let length = word.chars().count();
        // Leave room for a space and the backslash that continues the line.
        if column > 4 && column + 1 + length + 2 > WIDTH {
            text.push_str(" \\\n      ");
            column = 6;
        } else if column > 4 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;
    use crate::versus::Spread;

    #[test]
    fn a_table_fits_100_columns_whatever_was_measured() {
        let mut report = report();
        let widest = |number: f64| Spread { median: number, min: number, max: number };
        for point in &mut report.points {
            point.clients = 512;
            for system in &mut point.systems {
                // A million writes per second, and the longest latency that is recorded exactly.
                (system.per_second, system.p50_us, system.p99_us) = (widest(1e6), widest(6e8), widest(6e8));
            }
            for ratio in &mut point.ratios {
                (ratio.per_second, ratio.p50, ratio.p99) = (widest(1e4), widest(1e4), widest(1e4));
            }
        }
        let command = "etcd --name m0 --listen-peer-urls http://127.0.0.1:1 ".repeat(9);
        report.started[1].commands[0] = command.trim_end().to_owned();
        let text = report.table();
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
        }
        // A shell accepts the command as it is printed.
        let joined = text.replace(" \\\n      ", " ");
        assert!(joined.contains(command.trim_end()), "{text}");
    }

    #[test]
    fn what_is_missing_failed_or_in_memory_is_told() {
        let text = report().table();
        for part in [
            "redis: missing. There is no redis-server on the PATH",
            "cluster: with --clients 4, 3 writes failed",
            "/data is in memory",
            "started as, and 2 more alike",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }
}

//! Every number in the report traces to a row of a CSV file of its section.

use crate::{find, quick};
use paxos_bench::lab::experiments::{EXPERIMENTS, Experiment, Findings, page, write};
use paxos_transport::sim::Chance;
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;

/// Numbers that are part of a name, and years.
const NAMES: [&str; 11] =
    ["phase 1a", "phase 1", "phase 2", "Q1", "Q2c", "Q2f", "1/batch", "2T", "n0", "(2006)", "(2016)"];

/// The text without such names.
fn unnamed(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, name| text.replace(name, ""))
}

/// The report on all experiments, and its sections with their data.
static REPORT: LazyLock<(String, Vec<Section>)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a directory");
    let all: Vec<(Experiment, Findings)> =
        EXPERIMENTS.iter().map(|experiment| (*experiment, (*find(experiment.name)).clone())).collect();
    let html = page(&all, &quick()).expect("a page");
    let section = |(experiment, findings): &(Experiment, Findings)| {
        write(experiment, &quick(), findings, dir.path()).expect("written");
        let html = inside(&html, experiment.name);
        let tables = findings.tables().map(|table| read(dir.path(), experiment.name, table.name)).collect();
        Section { name: experiment.name, html, tables }
    };
    let sections = all.iter().map(section).collect();
    (html, sections)
});

/// The report on all experiments.
pub(crate) fn report() -> &'static str {
    &REPORT.0
}

/// The section of the page with this id.
fn inside(page: &str, id: &str) -> String {
    let (_, after) = page.split_once(&format!("<section id=\"{id}\">")).expect("the page has this section");
    after.split("</section>").next().expect("its end").to_owned()
}

struct Section {
    name: &'static str,
    html: String,
    /// The files, the facts last.
    tables: Vec<Vec<Record>>,
}

/// A row of a file.
struct Record {
    cells: Vec<String>,
    /// All numbers in them.
    numbers: Vec<f64>,
}

fn read(dir: &Path, experiment: &str, table: &str) -> Vec<Record> {
    let mut file = csv::Reader::from_path(dir.join(experiment).join(format!("{table}.csv"))).expect("a file");
    let record = |record: Result<csv::StringRecord, _>| {
        let cells: Vec<String> = record.expect("a row").iter().map(str::to_owned).collect();
        let numbers = cells.iter().flat_map(|cell| numbers(cell)).map(|n| n.value).collect();
        Record { cells, numbers }
    };
    file.records().map(record).collect()
}

/// A number in a text.
struct Number {
    place: Range<usize>,
    value: f64,
    decimals: usize,
}

/// The numbers in a text, with commas between thousands or without.
fn numbers(text: &str) -> Vec<Number> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if !digit(at) {
            at += 1;
            continue;
        }
        let start = at;
        let (mut decimals, mut point) = (0, false);
        loop {
            let thousands = bytes.get(at) == Some(&b',')
                && !point
                && (1..=3).all(|next| digit(at + next))
                && !digit(at + 4);
            if digit(at) {
                decimals += usize::from(point);
            } else if bytes.get(at) == Some(&b'.') && !point && digit(at + 1) {
                point = true;
            } else if !thousands {
                break;
            }
            at += 1;
        }
        let value = text[start..at].replace(',', "").parse().expect("digits");
        found.push(Number { place: start..at, value, decimals });
    }
    found
}

/// Whether the number is this value, as far as it is shown.
fn is(number: &Number, value: f64) -> bool {
    let half = 0.5 / 10_f64.powi(i32::try_from(number.decimals).expect("few"));
    (number.value - value.abs()).abs() <= half * (1.0 + 1e-9)
}

fn plain(html: &str) -> String {
    let mut text = html.to_owned();
    for (entity, sign) in [("&lt;", "<"), ("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'")] {
        text = text.replace(entity, sign);
    }
    text.replace("&#38;", "&").replace("&amp;", "&")
}

/// The pieces of a text between two marks, with their places.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    text.match_indices(open).map(move |(at, _)| {
        let start = at + open.len();
        (start, text[start..].split(close).next().expect("a piece"))
    })
}

impl Section {
    /// Whether a number is in a row of any file.
    fn has(&self, number: &Number) -> bool {
        self.tables.iter().flatten().any(|record| record.numbers.iter().any(|value| is(number, *value)))
    }

    /// The numbers that trace to nothing, and the number of those that do.
    fn faults(&self, html: &str) -> (Vec<String>, usize) {
        let (mut faults, mut traced) = (Vec::new(), 0);
        let mut check = |fault: Option<String>| match fault {
            Some(fault) => faults.push(format!("{}: {fault}", self.name)),
            None => traced += 1,
        };
        facts(html).for_each(|(_, fact)| check(self.fact(fact)));
        marks(html).for_each(|(_, mark)| check(self.mark(mark)));
        for (row, (_, cells)) in between(html, "<tr><td>", "</tr>").enumerate() {
            let cells: Vec<String> = cells.trim_end_matches("</td>").split("</td><td>").map(plain).collect();
            let stored = self.tables.last().and_then(|facts| facts.get(row));
            let is_stored = stored.is_some_and(|stored| stored.cells == cells);
            check((!is_stored).then(|| format!("the table's row {cells:?} is not in summary.csv")));
        }
        // What is drawn beside marks: names, and titles of figures.
        let names =
            between(html, " stroke=\"none\">", "</text>").chain(between(html, "<strong>", "</strong>"));
        for (_, name) in names {
            let mut stray = numbers(&unnamed(&plain(name))).into_iter().filter(|number| !self.has(number));
            check(stray.next().map(|_| format!("the name {name} has a number that is in no row")));
        }
        for (_, sentence) in sentences(html) {
            let mut rest = sentence.to_owned();
            for (_, fact) in facts(sentence) {
                rest = rest.replacen(fact, "", 1);
            }
            let typed = rest.split('<').map(|piece| piece.rsplit('>').next().unwrap_or_default());
            let typed = typed.flat_map(|piece| numbers(&unnamed(&plain(piece)))).next();
            check(typed.map(|number| format!("{} is no fact in the sentence {sentence}", number.value)));
        }
        (faults, traced)
    }

    /// What is wrong with a fact, which names its row.
    fn fact(&self, fact: &str) -> Option<String> {
        let attribute = |name: &str| plain(between(fact, &format!("{name}=\""), "\"").next()?.1).into();
        let (value, source): (Option<String>, Option<String>) = (attribute("value"), attribute("title"));
        let shown = plain(fact.split_once('>')?.1);
        let row = source.as_deref()?.strip_prefix(&format!("{}/summary.csv:", self.name))?;
        let stored = self.tables.last()?.get(row.parse::<usize>().ok()?.checked_sub(1)?)?;
        let (known, unit) = (&stored.cells[1], &stored.cells[2]);
        let shown = shown.trim_end_matches(unit.as_str()).trim_end_matches('\u{a0}');
        let same = match (numbers(shown).as_slice(), known.parse::<f64>()) {
            ([number], Ok(known)) => is(number, known),
            _ => shown == known,
        };
        (value.as_ref() != Some(known) || !same)
            .then(|| format!("{fact} is not row {row} of summary.csv: {known}"))
    }

    /// What is wrong with a mark of a figure: its numbers are not in one row.
    fn mark(&self, mark: &str) -> Option<String> {
        let mark = plain(mark);
        // The values of a mark come behind its name. A label may have numbers, too.
        let mut values = Vec::new();
        for line in mark.lines() {
            let (label, value) = line.rsplit_once(": ").unwrap_or(("", line));
            match value.parse::<f64>() {
                Ok(_) => values.push((numbers(value), label.contains("1,000"))),
                Err(_) if numbers(&unnamed(value)).iter().all(|number| self.has(number)) => {}
                Err(_) => return Some(format!("{value} of the mark {mark:?} is in no row")),
            }
        }
        let in_row = |record: &Record| {
            values.iter().all(|(numbers, thousands)| {
                let scale = if *thousands { 1e3 } else { 1.0 };
                numbers.iter().all(|number| record.numbers.iter().any(|value| is(number, value / scale)))
            })
        };
        let rows = self.tables.iter().flatten();
        (!rows.into_iter().any(in_row)).then(|| format!("no row has the values of the mark {mark:?}"))
    }
}

/// The facts in a page: each with its attributes and what is shown.
fn facts(html: &str) -> impl Iterator<Item = (usize, &str)> {
    between(html, "<data", "</data>")
}

/// What the marks of figures say, once for each figure: the picture for phones says the same.
fn marks(html: &str) -> impl Iterator<Item = (usize, &str)> {
    between(html, "<svg class=\"wide\"", "</svg>").flat_map(|(at, svg)| {
        between(svg, "<title>", "</title>").map(move |(inner, mark)| (at + inner, mark))
    })
}

/// Conclusions, captions and parameters.
fn sentences(html: &str) -> impl Iterator<Item = (usize, &str)> {
    between(html, "<li>", "</li>").chain(between(html, "</strong>", "<span class=\"repeat\">"))
}

#[test]
fn every_number_of_every_section_is_in_a_row_of_its_csv() {
    let mut all = Vec::new();
    for section in &REPORT.1 {
        let (faults, traced) = section.faults(&section.html);
        assert!(traced > 40, "{}: {traced}", section.name);
        all.extend(faults);
    }
    let summary = inside(report(), "summary");
    for (_, fact) in facts(&summary) {
        let of = |section: &&Section| fact.contains(&format!(" title=\"{}/", section.name));
        all.extend(REPORT.1.iter().find(of).expect("a section").fact(fact));
    }
    assert!(all.is_empty(), "{} numbers:\n{}", all.len(), all.join("\n"));
}

#[test]
fn a_number_that_is_changed_traces_to_no_row() {
    let mut chance = Chance::new(1, 13);
    let mut below = |end: usize| {
        let drawn = chance.below(end as u64);
        usize::try_from(drawn).expect("below the end")
    };
    // Twenty at random: in one of the sections, a fact or a mark.
    for _ in 0..20 {
        let section = &REPORT.1[below(REPORT.1.len())];
        let shown: Vec<(usize, &str)> = if below(2) == 0 {
            facts(&section.html)
                .filter_map(|(at, fact)| Some((at + fact.find('>')? + 1, fact.split_once('>')?.1)))
                .collect()
        } else {
            let last = |(at, mark): (usize, &'static str)| {
                let start = mark.rfind('\n').map_or(0, |end| end + 1);
                let start = mark[start..].rfind(": ").map_or(start, |end| start + end + 2);
                (at + start, &mark[start..])
            };
            marks(&section.html).map(last).collect()
        };
        let places: Vec<usize> = shown
            .iter()
            .flat_map(|(at, text)| numbers(text).into_iter().map(move |n| at + n.place.start))
            .collect();
        let place = places[below(places.len())];
        let mut html = section.html.clone();
        html.insert(place, '9');
        let (faults, _) = section.faults(&html);
        assert!(!faults.is_empty(), "{}: {}", section.name, &html[place - 80..place + 20]);
    }
}

//! The smallest quorums that the law of Fast Flexible Paxos allows: |Q1| + |Q2c| > n and |Q1| + 2|Q2f| > 2n.

use crate::lab::experiments::chart::palette::{self, GREY};
use crate::lab::experiments::chart::{Axis, Figure, Marker, Panel, Style, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::{Findings, LabError};
use crate::row;
use crate::theory::{collision_probability, fast_flexible_quorum, majority};
use crate::variants::Variant;

/// The number of acceptors of the paper's example.
const ACCEPTORS: usize = 11;
/// The phase 1 quorums of the paper's example, (9, 3, 7).
const EXAMPLE: usize = 9;

/// The sizes of quorums: for phase 1, for classic ballots and for fast ones.
type Sizes = [usize; 3];

/// The smallest quorums beside each size of phase 1 quorums.
fn law() -> impl Iterator<Item = Sizes> {
    (1..=ACCEPTORS).map(|q1| [q1, ACCEPTORS + 1 - q1, fast_flexible_quorum(ACCEPTORS, q1)])
}

/// What the quorums cost: the failures that each phase survives, and the chance that two simultaneous commands collide.
fn cost([q1, q2c, q2f]: Sizes) -> ([usize; 3], f64) {
    ([q1, q2c, q2f].map(|size| ACCEPTORS - size), collision_probability(ACCEPTORS, q2f))
}

/// The table of the law, and its figure.
pub(super) fn figure(found: &mut Findings) -> Result<Figure, LabError> {
    let columns = [
        ("acceptors", "the number of acceptors"),
        ("q1", "the size of phase 1 quorums"),
        ("q2c", "the size of the smallest quorums for classic ballots beside them"),
        ("q2f", "the size of the smallest fast quorums beside them"),
        ("survives_q1", "how many acceptors may fail with a phase 1 quorum left"),
        ("survives_q2c", "the same for classic ballots"),
        ("survives_q2f", "the same for fast ones"),
        ("collision", "the chance that two simultaneous commands collide, by the formula"),
        ("fast_paxos", "1 if classic quorums serve both phases, as in Fast Paxos (2006), else 0"),
    ];
    let mut table = Table::new("law", &columns);
    let (mut classic, mut fast, mut lamport) = (Vec::new(), Vec::new(), Vec::new());
    found.facts.add("law_n", ACCEPTORS, "", "acceptors of law.csv");
    for sizes @ [q1, q2c, q2f] in law() {
        let ([one, two, three], collision) = cost(sizes);
        let same = q1 == q2c;
        table.push(row![ACCEPTORS, q1, q2c, q2f, one, two, three, collision, u64::from(same)]);
        classic.push((q1 as f64, q2c as f64));
        fast.push((q1 as f64, q2f as f64));
        if same {
            lamport.extend([(q1 as f64, q2c as f64), (q1 as f64, q2f as f64)]);
        }
        for (key, named) in [("lamport", majority(ACCEPTORS)), ("example", EXAMPLE)] {
            if q1 == named {
                let facts = &mut found.facts;
                for (column, value) in [("q1", q1), ("q2c", q2c), ("q2f", q2f)] {
                    facts.add(
                        &format!("{key}_{column}"),
                        value,
                        "",
                        format!("{column} of law.csv, q1 = {q1}"),
                    );
                }
                let meaning = format!("collision of law.csv, q1 = {q1}");
                facts.add(&format!("{key}_collision"), collision * 100.0, "%", meaning);
            }
        }
    }
    found.tables.push(table);
    let mut panel = Panel::new("", Axis::new("|Q1|"), Axis::new("acceptors in the smallest quorum"));
    panel.line(palette::style(Variant::Multi).named("Q2c: multi, or classic ballots of fast"), classic);
    panel.line(palette::style(Variant::Fast).named("Q2f: fast"), fast);
    panel.line(Style::new("Fast Paxos (2006)", GREY).points().marker(Marker::Ring), lamport);
    Ok(Figure {
        name: "law",
        title: format!("The smallest phase 2 quorums of {ACCEPTORS} acceptors, by the size of phase 1 quorums"),
        caption: "By the law alone, without a run. Fast Paxos (2006) has one size of classic quorums for both phases (rings). Larger phase 1 quorums, which \
                  only a new leader needs, make all others smaller. The paper's example is ({example_q1}, {example_q2c}, {example_q2f}). Held constant: {law_n} acceptors, quorums by number."
            .into(),
        svg: draw(&[panel], 1, 300)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::quorums::QuorumChoice;
    use paxos_core::NodeSet;

    #[test]
    fn the_shipped_quorum_systems_have_the_same_law() {
        let all = NodeSet::first(ACCEPTORS as u16);
        let is_lawful = |q1, q2c, q2f| QuorumChoice::FastFlexible(q1, q2c, q2f).over(all).is_ok();
        for [q1, q2c, q2f] in law() {
            assert!(is_lawful(q1, q2c, q2f), "({q1}, {q2c}, {q2f})");
            assert!(!is_lawful(q1, q2c - 1, q2f) && !is_lawful(q1, q2c, q2f - 1), "({q1}, {q2c}, {q2f})");
        }
        assert!(law().any(|sizes| sizes == [9, 3, 7]));
    }

    /// The table of `docs/experiments.md`.
    #[test]
    fn the_page_has_rows_of_the_law() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/experiments.md");
        let page = std::fs::read_to_string(page).expect("the page is beside the crates");
        let row = |sizes: Sizes| {
            let ([one, two, three], collision) = cost(sizes);
            let [q1, q2c, q2f] = sizes;
            format!("| {q1} | {q2c} | {q2f} | {one}, {two}, {three} | {collision:.2} |")
        };
        let rows: Vec<String> = law().map(row).collect();
        let said: Vec<&str> =
            page.lines().filter(|line| rows.iter().any(|row| line.starts_with(row.as_str()))).collect();
        assert_eq!(said.len(), 4, "{}", rows.join("\n"));
    }
}

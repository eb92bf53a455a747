//! Quorum systems that are not by number, in text form. A `/` separates the parts for the phases.

use super::Expression;
use paxos_core::{
    Composed, Grid, NodeId, NodeSet, QuorumError, QuorumSystem, Rule, Sets, Weighted, Within, ZoneQuorum,
    Zones,
};
use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::Arc;

/// A quorum system over the places of acceptors, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// `weighted:3,1,1,1` or, with thresholds for phase 1, phase 2 and fast quorums, `weighted:3,1,1,1/4,3,5`.
    Weighted(Vec<u32>, Vec<u64>),
    /// `grid:2x3`, or `grid:2x3/symmetric`.
    Grid(usize, usize, bool),
    /// `zones:3,3,3` or, with the number of zones and of acceptors in each for the quorums, `zones:3,3,3/3.2,1.2`.
    Zones(Vec<u16>, Vec<(usize, usize)>),
    /// `sets:0.1,1.2,0.2`, or a list for each phase: `sets:0.1/0.2,1.3`.
    Sets(Vec<Vec<Vec<u16>>>),
    /// `rule:2of(0,1,2)`, or a rule for each phase.
    Rule(Vec<Expression>),
}

impl System {
    /// Parses the text after the name; none if it is not well formed.
    pub(super) fn parse(name: &str, text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        match (name, &parts[..]) {
            ("weighted", [weights]) => Some(Self::Weighted(numbers(weights)?, Vec::new())),
            ("weighted", [weights, thresholds]) => {
                let thresholds = numbers(thresholds)?;
                (2..=3).contains(&thresholds.len()).then_some(Self::Weighted(numbers(weights)?, thresholds))
            }
            ("grid", [grid, symmetric @ ..]) if symmetric.is_empty() || *symmetric == ["symmetric"] => {
                let (rows, columns) = grid.split_once('x')?;
                Some(Self::Grid(rows.parse().ok()?, columns.parse().ok()?, !symmetric.is_empty()))
            }
            ("zones", [zones]) => Some(Self::Zones(numbers(zones)?, Vec::new())),
            ("zones", [zones, phases]) => {
                let pair = |pair: &str| {
                    let (zones, each) = pair.split_once('.')?;
                    Some((zones.parse().ok()?, each.parse().ok()?))
                };
                let phases = phases.split(',').map(pair).collect::<Option<Vec<_>>>()?;
                (2..=3).contains(&phases.len()).then_some(Self::Zones(numbers(zones)?, phases))
            }
            ("sets", lists) if lists.len() <= 3 => {
                let set = |set: &str| set.split('.').map(place).collect::<Option<Vec<u16>>>();
                let list = |list: &&str| list.split(',').map(set).collect::<Option<Vec<_>>>();
                Some(Self::Sets(lists.iter().map(list).collect::<Option<_>>()?))
            }
            ("rule", rules) if rules.len() <= 3 => {
                Some(Self::Rule(rules.iter().map(|rule| Expression::parse(rule)).collect::<Option<_>>()?))
            }
            _ => None,
        }
    }

    /// What to write instead if the system has no acceptor, or none with a weight.
    pub(super) fn leaves_nobody(&self) -> Option<&'static str> {
        match self {
            Self::Grid(rows, columns, _) if rows.min(columns) == &0 => {
                Some("give 1 or more rows and columns")
            }
            Self::Zones(zones, _) if zones.contains(&0) => Some("give each zone 1 or more acceptors"),
            Self::Weighted(weights, _) if weights.iter().all(|weight| *weight == 0) => {
                Some("give an acceptor a weight of 1 or more")
            }
            Self::Grid(..) | Self::Zones(..) | Self::Weighted(..) | Self::Sets(_) | Self::Rule(_) => None,
        }
    }

    /// The number of acceptors that the system requires.
    pub fn acceptors(&self) -> u16 {
        match self {
            Self::Weighted(weights, _) => weights.len() as u16,
            Self::Grid(rows, columns, _) => rows.saturating_mul(*columns).min(usize::from(u16::MAX)) as u16,
            Self::Zones(zones, _) => zones.iter().fold(0, |all: u16, zone| all.saturating_add(*zone)),
            Self::Sets(lists) => lists.iter().flatten().flatten().max().map_or(0, |highest| highest + 1),
            Self::Rule(rules) => rules.iter().map(Expression::highest).max().map_or(0, |highest| highest + 1),
        }
    }

    /// Builds the system over these acceptors, which take the places in the order of their ids.
    ///
    /// # Errors
    /// [`QuorumError`] if the system is unlawful, or made for another number of acceptors.
    pub fn over(&self, acceptors: NodeSet) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let nodes: Vec<NodeId> = acceptors.iter().collect();
        let (from, to) = (usize::from(self.acceptors()), nodes.len());
        let resized =
            |system| if from == to { Ok(()) } else { Err(QuorumError::Resized { system, from, to }) };
        Ok(match self {
            Self::Weighted(weights, thresholds) => Arc::new(match thresholds[..] {
                [one, two] => Weighted::flexible(acceptors, weights, one, two)?,
                [one, two, fast] => Weighted::fast_flexible(acceptors, weights, one, two, fast)?,
                _ => Weighted::majority(acceptors, weights)?,
            }),
            Self::Grid(rows, columns, false) => Arc::new(Grid::flexible(acceptors, *rows, *columns)?),
            Self::Grid(rows, columns, true) => Arc::new(Grid::symmetric(acceptors, *rows, *columns)?),
            Self::Zones(sizes, phases) => {
                resized("zones")?;
                let mut left = nodes.into_iter();
                let zones =
                    sizes.iter().map(|size| left.by_ref().take(usize::from(*size)).collect()).collect();
                let quorum =
                    |(zones, each): (usize, usize)| ZoneQuorum { zones, within: Within::Count(each) };
                Arc::new(match phases[..] {
                    [one, two] => Zones::new(zones, quorum(one), quorum(two), None)?,
                    [one, two, fast] => Zones::new(zones, quorum(one), quorum(two), Some(quorum(fast)))?,
                    _ => Zones::majority(zones)?,
                })
            }
            Self::Sets(lists) => {
                resized("listed quorums")?;
                let set =
                    |set: &Vec<u16>| set.iter().filter_map(|i| nodes.get(usize::from(*i)).copied()).collect();
                let lists: Vec<Vec<NodeSet>> =
                    lists.iter().map(|list| list.iter().map(set).collect()).collect();
                let (one, two, fast) = phases(&lists);
                let fast = fast.map_or(&[][..], Vec::as_slice);
                Arc::new(Sets::new(acceptors, one, two, fast)?)
            }
            Self::Rule(rules) => {
                resized("composed quorums")?;
                // Acceptors that no rule names still belong to the system.
                let rule = |rule: &Expression| {
                    Rule::all([rule.over(&nodes), Some(Rule::members(0, acceptors))].into_iter().flatten())
                };
                let rules: Vec<Rule> = rules.iter().map(rule).collect();
                let (one, two, fast) = phases(&rules);
                Arc::new(Composed::new(one.clone(), two.clone(), fast.cloned())?)
            }
        })
    }
}

/// The items for phase 1, phase 2 and fast quorums. A single item stands for both phases.
fn phases<T>(given: &[T]) -> (&T, &T, Option<&T>) {
    let two = given.get(1).unwrap_or(&given[0]);
    (&given[0], two, given.get(2))
}

fn numbers<T: FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(',').map(|number| number.trim().parse().ok()).collect()
}

fn place(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|place| *place < NodeSet::CAPACITY)
}

fn joined<T: Display>(items: &[T], between: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

impl Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let behind = |text: String| if text.is_empty() { text } else { format!("/{text}") };
        match self {
            Self::Weighted(weights, thresholds) => {
                write!(f, "weighted:{}{}", joined(weights, ","), behind(joined(thresholds, ",")))
            }
            Self::Grid(rows, columns, symmetric) => {
                write!(f, "grid:{rows}x{columns}{}", if *symmetric { "/symmetric" } else { "" })
            }
            Self::Zones(zones, phases) => {
                let phases: Vec<String> = phases.iter().map(|(z, m)| format!("{z}.{m}")).collect();
                write!(f, "zones:{}{}", joined(zones, ","), behind(joined(&phases, ",")))
            }
            Self::Sets(lists) => {
                let list = |list: &Vec<Vec<u16>>| {
                    joined(&list.iter().map(|set| joined(set, ".")).collect::<Vec<_>>(), ",")
                };
                write!(f, "sets:{}", lists.iter().map(list).collect::<Vec<_>>().join("/"))
            }
            Self::Rule(rules) => write!(f, "rule:{}", joined(rules, "/")),
        }
    }
}

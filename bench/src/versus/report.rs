//! The measurements, and ratios of measurements of the same round.

use super::home::Home;
use super::options::Versus;
use super::spread::Spread;
use super::systems::Started;
use crate::load;
use serde::Serialize;

/// One measurement: one system with one number of clients in one round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The system's name.
    pub system: &'static str,
    /// The number of clients.
    pub clients: u32,
    /// The round, from 1 on.
    pub round: u32,
    /// The number of answered writes.
    pub answered: u64,
    /// The number of writes that failed or were refused.
    pub failed: u64,
    /// Answered writes per second.
    pub per_second: f64,
    /// The median latency in microseconds.
    pub p50_us: f64,
    /// The 99th percentile of latency in microseconds.
    pub p99_us: f64,
}

/// A system that is not installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The system's name.
    pub name: &'static str,
    /// The program that is not on the PATH.
    pub program: &'static str,
}

/// The results of one system with one number of clients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SystemPoint {
    /// The system's name.
    pub system: &'static str,
    /// Answered writes per second.
    pub per_second: Spread,
    /// The median latency in microseconds.
    pub p50_us: Spread,
    /// The 99th percentile of latency in microseconds.
    pub p99_us: Spread,
    /// The number of writes that failed or were refused, in all rounds.
    pub failed: u64,
}

/// The cluster compared with another system: its result divided by the other's of the same round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The other system.
    pub to: &'static str,
    /// The ratio of answered writes per second.
    pub per_second: Spread,
    /// The ratio of median latencies.
    pub p50: Spread,
    /// The ratio of 99th percentiles of latency.
    pub p99: Spread,
}

/// All results with one number of clients.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The number of clients.
    pub clients: u32,
    /// The results of each system.
    pub systems: Vec<SystemPoint>,
    /// The cluster compared with each other system.
    pub ratios: Vec<Ratio>,
}

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The variant of the cluster.
    pub variant: &'static str,
    /// The number of members of the cluster, of etcd and of the floor.
    pub nodes: u16,
    /// The length of a value in bytes.
    pub value_size: u32,
    /// The duration of a measurement in seconds.
    pub seconds: f64,
    /// The number of rounds.
    pub rounds: u32,
    /// The directory that all systems wrote to.
    pub data: String,
    /// Whether the directory was in memory, where a sync costs nothing; `None` if the system does not say.
    pub in_memory: Option<bool>,
    /// The systems that took part.
    pub started: Vec<Started>,
    /// The systems that are not installed.
    pub missing: Vec<Missing>,
    /// The results by number of clients.
    pub points: Vec<Point>,
    /// All measurements, in the order in which they were made.
    pub measured: Vec<Measured>,
}

impl Measured {
    pub(super) fn new(system: &'static str, clients: u32, round: u32, report: &load::Report) -> Self {
        let all = report.rows.last();
        Self {
            system,
            clients,
            round,
            answered: all.map_or(0, |all| all.count),
            failed: report.refused + report.unknown,
            per_second: all.map_or(0.0, |all| all.per_second),
            p50_us: all.map_or(0.0, |all| all.p50_us as f64),
            p99_us: all.map_or(0.0, |all| all.p99_us as f64),
        }
    }
}

impl Report {
    pub(super) fn new(
        options: &Versus,
        home: &Home,
        started: Vec<Started>,
        missing: Vec<Missing>,
        measured: Vec<Measured>,
    ) -> Self {
        let names: Vec<&'static str> = started.iter().map(|started| started.name).collect();
        let points = options.clients.iter().map(|clients| Point::new(*clients, &names, &measured)).collect();
        Self {
            variant: options.variant.name(),
            nodes: options.nodes,
            value_size: options.value_size,
            seconds: options.seconds,
            rounds: options.rounds,
            data: home.parent().display().to_string(),
            in_memory: home.in_memory(),
            started,
            missing,
            points,
            measured,
        }
    }
}

impl Point {
    /// Summarizes the measurements with one number of clients. The first name is the cluster's.
    fn new(clients: u32, names: &[&'static str], measured: &[Measured]) -> Self {
        let of = |name: &str| {
            let those = measured.iter().filter(|one| one.clients == clients && one.system == name);
            those.collect::<Vec<_>>()
        };
        let cluster = names.first().map(|name| of(name)).unwrap_or_default();
        let system = |name: &&'static str| {
            let those = of(name);
            let spread = |what: fn(&Measured) -> f64| Spread::of(those.iter().map(|one| what(one)));
            SystemPoint {
                system: name,
                per_second: spread(|one| one.per_second),
                p50_us: spread(|one| one.p50_us),
                p99_us: spread(|one| one.p99_us),
                failed: those.iter().map(|one| one.failed).sum(),
            }
        };
        let ratio = |name: &&'static str| {
            let theirs = of(name);
            let pairs = cluster.iter().filter_map(|ours| {
                let same = theirs.iter().find(|theirs| theirs.round == ours.round)?;
                Some((*ours, *same))
            });
            let pairs: Vec<(&Measured, &Measured)> = pairs.collect();
            let spread = |what: fn(&Measured) -> f64| {
                // Answered writes always take some time; the lower bound only avoids a division by zero.
                Spread::of(pairs.iter().map(|(ours, theirs)| what(ours) / what(theirs).max(1e-9)))
            };
            Ratio {
                to: name,
                per_second: spread(|one| one.per_second),
                p50: spread(|one| one.p50_us),
                p99: spread(|one| one.p99_us),
            }
        };
        Self {
            clients,
            systems: names.iter().map(system).collect(),
            ratios: names.iter().skip(1).map(ratio).collect(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::versus::systems::Promise;

    fn one(round: u32, system: &'static str, per_second: f64) -> Measured {
        let p50_us = 1e6 / per_second;
        Measured { system, clients: 4, round, answered: 1, failed: 1, per_second, p50_us, p99_us: 9.0 }
    }

    /// In the second round the machine was ten times slower.
    pub(in crate::versus) fn report() -> Report {
        let measured = vec![
            one(1, "cluster", 1000.0),
            one(1, "etcd", 500.0),
            one(2, "etcd", 25.0),
            one(2, "cluster", 100.0),
            one(3, "cluster", 900.0),
            one(3, "etcd", 300.0),
        ];
        let started = |name| {
            let promise = Promise {
                durability: "synced by 2 of 3".into(),
                replication: "1 of 3 members may fail".into(),
                reads: "linearizable",
                wire: "the Redis protocol",
            };
            Started { name, commands: vec!["a command --with options".into(); 3], promise }
        };
        Report {
            variant: "multi",
            nodes: 3,
            value_size: 100,
            seconds: 3.0,
            rounds: 3,
            data: "/data".into(),
            in_memory: Some(true),
            started: vec![started("cluster"), started("etcd")],
            missing: vec![Missing { name: "redis", program: "redis-server" }],
            points: vec![Point::new(4, &["cluster", "etcd"], &measured)],
            measured,
        }
    }

    #[test]
    fn ratios_are_of_measurements_of_one_round() {
        let Point { systems, ratios, .. } = &report().points[0];
        assert_eq!(ratios.len(), 1);
        assert_eq!(ratios[0].per_second, Spread { median: 3.0, min: 2.0, max: 4.0 });
        assert!((ratios[0].p50.median - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(systems[0].per_second, Spread { median: 900.0, min: 100.0, max: 1000.0 });
        assert_eq!(systems[1].failed, 3);
    }
}

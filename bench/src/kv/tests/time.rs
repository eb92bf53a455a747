//! Several servers, each with its own clocks, and one log.

use super::written;
use crate::kv::*;
use paxos_core::{NodeId, NodeSet, Slot, StateMachine};
use proptest::prelude::*;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// When a test begins, in milliseconds since 1970.
const BEGIN: u64 = 1_800_000_000_000;

struct Server {
    clock: Clock,
    /// When the server started; its monotonic clock counts from there.
    started: u64,
    /// How far its wall clock is ahead.
    ahead: i64,
}

struct Cluster {
    store: Store,
    log: Vec<Command>,
    /// The true time.
    now: u64,
    servers: Vec<Server>,
}

impl Cluster {
    /// `n` servers that have agreed on the time.
    fn new(n: usize) -> Self {
        let servers = (0..n).map(|_| Server { clock: Clock::default(), started: BEGIN, ahead: 0 });
        let mut cluster =
            Self { store: Store::default(), log: Vec::new(), now: BEGIN, servers: servers.collect() };
        (0..n).for_each(|server| _ = cluster.run(server, &[]));
        assert_eq!((cluster.store.time(), cluster.store.clock_moves()), (BEGIN, 1));
        cluster
    }

    fn stamp(&self, server: usize) -> Stamp {
        let Server { clock, started, ahead } = &self.servers[server];
        Stamp {
            clock: clock.now(self.now - started),
            moves: clock.moves(),
            wall: self.now.saturating_add_signed(*ahead),
            member: NodeId(server as u16),
            members: NodeSet::first(self.servers.len() as u16),
        }
    }

    /// Has a server's operations agreed on, and shows the result to all servers.
    fn run(&mut self, server: usize, ops: &[Op<'_>]) -> Vec<Reply> {
        let mut written = Ops::default();
        for op in ops {
            written.push(op);
        }
        let command = Command::new(&self.stamp(server), [written.bytes()]);
        let replies = self.store.apply(Slot(self.log.len() as u64), &command).0.to_vec();
        self.log.push(command);
        for server in &mut self.servers {
            server.clock.see(&self.store, self.now - server.started);
        }
        replies
    }

    fn set(&mut self, server: usize, key: &str, millis: u64) {
        let (key, value) = (Raw(key.as_bytes()), Raw(b"v"));
        let (expiry, only) = (Expiry::After(millis), Only::Always);
        assert_eq!(self.run(server, &[Op::Set { key, value, expiry, only, get: false }]), [Reply::Ok]);
    }

    fn ttl(&mut self, server: usize, key: &str) -> Reply {
        self.run(server, &[Op::Ttl(Raw(key.as_bytes()), Unit::Millis)]).remove(0)
    }

    /// Turns all servers off for this long.
    fn outage(&mut self, millis: u64) {
        self.now += millis;
        for server in &mut self.servers {
            (server.clock, server.started) = (Clock::default(), self.now);
            server.clock.see(&self.store, 0);
        }
    }
}

#[test]
fn a_wall_clock_that_is_a_day_ahead_for_one_write_moves_no_deadline() {
    let mut cluster = Cluster::new(3);
    cluster.set(0, "before", 800);
    cluster.servers[2].ahead = DAY.cast_signed();
    cluster.set(2, "lock", 500);
    cluster.servers[2].ahead = 0;
    assert_eq!(cluster.store.clock_jumps(), 1);
    assert_eq!(cluster.ttl(1, "before"), Reply::Int(800));
    cluster.now += 499;
    assert_eq!(cluster.ttl(2, "lock"), Reply::Int(1));
    cluster.now += 1;
    assert_eq!(cluster.ttl(1, "lock"), Reply::Int(-2));
    cluster.now += 300;
    assert_eq!(cluster.ttl(0, "before"), Reply::Int(-2));
    assert_eq!((cluster.store.time(), cluster.store.clock_moves()), (BEGIN + 800, 1));
}

#[test]
fn the_time_goes_on_alike_whether_the_proposers_wall_clock_is_ahead_or_behind() {
    for ahead in [-DAY.cast_signed(), 0, DAY.cast_signed()] {
        let mut cluster = Cluster::new(3);
        cluster.servers[1].ahead = ahead;
        for _ in 0..100 {
            cluster.now += 7;
            cluster.run(1, &[]);
        }
        assert_eq!(cluster.store.time(), BEGIN + 700, "{ahead}");
    }
}

#[test]
fn what_passed_is_counted_once_however_many_propose() {
    let mut cluster = Cluster::new(5);
    cluster.now += 1000;
    // The commands are proposed at the same time: no server has seen another's.
    let stamps: Vec<Stamp> = (0..5).map(|server| cluster.stamp(server)).collect();
    for stamp in stamps {
        cluster.store.apply(Slot(99), &Command::new(&stamp, []));
    }
    assert_eq!(cluster.store.time(), BEGIN + 1000);
}

#[test]
fn a_proposer_that_is_never_idle_loses_no_time() {
    let mut cluster = Cluster::new(1);
    for _ in 0..1000 {
        // Each command is executed three milliseconds after it was proposed, and then the next one is proposed.
        let command = Command::new(&cluster.stamp(0), []);
        cluster.now += 3;
        cluster.store.apply(Slot(99), &command);
        cluster.servers[0].clock.see(&cluster.store, cluster.now - BEGIN);
    }
    assert_eq!(cluster.store.time(), BEGIN + 2997);
}

#[test]
fn after_an_outage_what_was_due_meanwhile_is_gone_and_a_new_lock_is_held_for_its_time() {
    for (first, second) in [(0, 1), (2, 0)] {
        let mut cluster = Cluster::new(3);
        cluster.set(0, "old", HOUR);
        cluster.set(0, "long", 8 * DAY);
        cluster.outage(7 * DAY);
        cluster.set(first, "lock", 30_000);
        assert_eq!(cluster.ttl(first, "old"), Reply::Int(HOUR.cast_signed()), "one clock decides nothing");
        cluster.now += 200;
        assert_eq!(cluster.ttl(second, "lock"), Reply::Int(29_800));
        assert_eq!(cluster.ttl(second, "old"), Reply::Int(-2));
        let left = DAY - 200;
        let Reply::Int(told) = cluster.ttl(second, "long") else { panic!("a number") };
        assert!(told.cast_unsigned().abs_diff(left) <= ALLOWANCE, "{told}");
        cluster.now += 29_800;
        assert_eq!(cluster.ttl(first, "lock"), Reply::Int(-2));
        assert!(cluster.store.time().abs_diff(cluster.now) <= ALLOWANCE);
    }
}

#[test]
fn a_minority_of_wall_clocks_never_moves_the_time_and_a_majority_does() {
    let mut cluster = Cluster::new(5);
    cluster.set(0, "k", HOUR);
    for wrong in 0..3 {
        cluster.servers[wrong].ahead = DAY.cast_signed();
        for server in [4, 3, 2, 1, 0].repeat(10) {
            cluster.now += 10;
            cluster.run(server, &[]);
        }
        let moved = cluster.store.clock_moves() > 1;
        assert_eq!((moved, cluster.store.clock_jumps()), (wrong == 2, wrong as u64 + 1));
    }
    assert_eq!(cluster.ttl(4, "k"), Reply::Int(-2));
    // The time advances even before correct clocks report.
    cluster.set(4, "k", 100);
    cluster.now += 100;
    assert_eq!(cluster.ttl(3, "k"), Reply::Int(-2));
}

#[test]
fn one_that_is_no_member_has_no_say() {
    let mut cluster = Cluster::new(3);
    cluster.now += DAY;
    cluster.outage(0);
    for member in [7, 8, 9] {
        let stamp = Stamp { member: NodeId(member), ..cluster.stamp(0) };
        cluster.store.apply(Slot(9), &Command::new(&stamp, []));
    }
    assert_eq!((cluster.store.time(), cluster.store.ahead().count()), (BEGIN, 0));
}

#[test]
fn an_operator_sets_the_time_back_and_deadlines_keep_what_is_left_of_them() {
    let mut cluster = Cluster::new(3);
    cluster.servers.iter_mut().for_each(|server| server.ahead = DAY.cast_signed());
    (0..3).for_each(|server| _ = cluster.run(server, &[]));
    assert_eq!(cluster.store.time(), BEGIN + DAY);
    cluster.servers.iter_mut().for_each(|server| server.ahead = 0);
    cluster.set(0, "k", 500);
    // Proposed before the time was set, and executed afterwards.
    let late = Command::new(&cluster.stamp(2), []);
    assert_eq!(cluster.run(1, &[Op::Clock(BEGIN)]), [Reply::Int((BEGIN + DAY).cast_signed())]);
    cluster.store.apply(Slot(99), &late);
    assert_eq!((cluster.store.time(), cluster.store.clock_moves()), (BEGIN, 3));
    assert_eq!(cluster.ttl(2, "k"), Reply::Int(500));
    cluster.now += 500;
    assert_eq!(cluster.ttl(2, "k"), Reply::Int(-2));
}

#[test]
fn an_operator_sets_the_time_on_and_what_is_due_then_is_gone() {
    let mut cluster = Cluster::new(3);
    cluster.set(0, "soon", 500);
    cluster.set(0, "late", 2 * DAY);
    cluster.run(1, &[Op::Clock(BEGIN + DAY)]);
    assert_eq!(cluster.ttl(2, "soon"), Reply::Int(-2));
    assert_eq!(cluster.ttl(2, "late"), Reply::Int(DAY.cast_signed()));
}

#[test]
fn a_store_of_another_format_is_refused_by_number() {
    let mut old = written(&Store::default());
    old[0] = 1;
    let refused = Store::default().restore_from(&mut &old[..]).expect_err("another format").to_string();
    assert!(refused.contains("it has format 1; this version reads 3"), "{refused}");
}

proptest! {
    /// Whatever the clocks do, replicas are equal, also one that began from a snapshot, and no deadline is passed over.
    #[test]
    fn replicas_agree_on_the_time_whatever_the_clocks_do(
        steps in prop::collection::vec((0_usize..3, 0_u8..6, 0_u64..5000, -1_i64..=1), 1..60),
        cut in 0_usize..60,
    ) {
        let mut cluster = Cluster::new(3);
        for (server, kind, millis, ahead) in steps {
            cluster.now += millis;
            cluster.servers[server].ahead = ahead * DAY.cast_signed();
            match kind {
                0 => cluster.outage(millis * 1000),
                1 => _ = cluster.run(server, &[Op::Clock(BEGIN + 100 * millis)]),
                2 => _ = cluster.run(server, &[]),
                _ => cluster.set(server, &format!("k{kind}"), millis + 1),
            }
            prop_assert!(cluster.store.next_due().is_none_or(|at| at > cluster.store.time()));
        }
        let mut other = Store::default();
        for (slot, command) in (0..).zip(&cluster.log) {
            if slot == cut as u64 {
                let mut restored = Store::default();
                restored.restore_from(&mut &written(&other)[..]).expect("it can be read");
                other = restored;
            }
            other.apply(Slot(slot), command);
        }
        prop_assert_eq!(written(&other), written(&cluster.store));
    }
}

//! Messages never exceed 4 KiB, whatever happens: logs and states far longer than that, snapshots in pieces, members
//! that come and go, leaders that change, and a restart of all members together.
//!
//! `SEEDS=20000` runs that many seeds, and `FIRST=3769` starts there.

use crate::sim::chaos::{RIVALS, number};
use crate::sim::scene::assert_breach;
use crate::sim::support::MS;
use core::time::Duration;
use fast_paxos::Recovery;
use paxos_core::{
    Amount, Change, Config, Consistency, Kind, Leadership, Learning, Limits, NodeId, NodeSet, Protocol,
    RestoreError, Slot, StateMachine, Time,
};
use paxos_transport::Portable;
use paxos_transport::sim::invariants::spoken::{messages_fit_a_frame, sizes_are_known};
use paxos_transport::sim::{Chance, Delay, Disk, Fault, Frame, Links, Sim, Stop, World};

/// The longest message that the network carries, in bytes.
const FRAME: usize = 4096;
/// The number of commands of each of the two clients.
const COMMANDS: u8 = 120;
/// The length of the longest command and of the longest reply, in bytes.
const LONGEST: u64 = 700;

type Bytes = Vec<u8>;
type Basic = basic_paxos::BasicPaxos<Bytes, Bytes>;
type Multi = multi_paxos::MultiPaxos<Bytes, Bytes>;
type Fast = fast_paxos::FastPaxos<Bytes, Bytes>;

/// A state machine that keeps all commands in order; the reply is the previous command.
#[derive(Clone, Debug, Default)]
struct Shelf(Vec<Bytes>);

impl StateMachine for Shelf {
    type Command = Bytes;
    type Reply = Bytes;

    fn apply(&mut self, _slot: Slot, command: &Bytes) -> Bytes {
        let before = self.0.last().cloned().unwrap_or_default();
        self.0.push(command.clone());
        before
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        let length = |bytes: &Bytes| (bytes.len() as u32).to_le_bytes();
        Some(self.0.iter().flat_map(|bytes| [&length(bytes), &bytes[..]].concat()).collect())
    }

    fn restore(&mut self, mut state: &[u8]) -> Result<(), RestoreError> {
        self.0.clear();
        while let Some((length, rest)) = state.split_first_chunk() {
            let (bytes, rest) = rest
                .split_at_checked(u32::from_le_bytes(*length) as usize)
                .ok_or_else(|| RestoreError::Machine("cut short".into()))?;
            self.0.push(bytes.to_vec());
            state = rest;
        }
        Ok(())
    }
}

fn world<P>(options: P::Options, leadership: Option<Leadership>, seed: u64) -> World<P>
where
    P: Portable<Value = Bytes, Reply = Bytes>,
{
    let mut chance = Chance::new(seed, 30);
    let mut config = Config::collapsed(3).expect("acceptors");
    config.leadership = leadership.unwrap_or(config.leadership);
    config.spares = NodeSet::first(5).without(NodeSet::first(3));
    if chance.hits(0.5) {
        config.learning = Learning::Everyone;
    }
    // Either little content in many commands, or much in few.
    let (batch, batch_bytes) = if chance.hits(0.5) { (30, 1024) } else { (8, 3072) };
    config.limits = Limits {
        batch,
        batch_bytes,
        chunk: 1024,
        window: 64,
        alpha: 8 << chance.below(4),
        snapshot: if chance.hits(0.5) { 8 + chance.below(40) } else { 0 },
        ..Limits::default()
    };
    assert!(config.limits.longest_message() <= FRAME, "{}", config.limits.longest_message());
    let mut world = World::new(config, options, seed);
    world.replay =
        format!("cargo test -p paxos-transport --test simulated sim::frames with FIRST = ({})", P::NAME);
    world.frame = Some(Frame::of(FRAME));
    world.stores = true;
    world.links = Links::lossy(MS, 5 * MS, 0.05, 0.05);
    if chance.hits(0.5) {
        world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: 3 * MS });
    }
    world.limit.events = 5_000_000;
    world.add_clients(2);
    world
}

/// Draws a command, which is short in most cases.
fn command(chance: &mut Chance, client: u8, number: u8) -> Bytes {
    let most = if chance.hits(0.3) { LONGEST } else { 60 };
    let mut bytes = vec![number; 2 + chance.below(most - 1) as usize];
    bytes[0] = client;
    bytes
}

fn run<P>(sim: &mut Sim<P, Shelf>, time: Duration)
where
    P: Protocol<Value = Bytes, Reply = Bytes>,
{
    sim.run_for(time).unwrap_or_else(|breach| panic!("{breach}"));
}

/// The current acceptors, as known by the process that has learned most.
fn members<P>(sim: &Sim<P, Shelf>) -> NodeSet
where
    P: Protocol<Value = Bytes, Reply = Bytes>,
{
    let known = sim.ids().iter().filter_map(|id| sim.node(*id)?.chosen().epochs());
    known.max_by_key(|epochs| epochs.current().from).map_or(NodeSet::EMPTY, |e| e.current().members.acceptors)
}

/// Requests `change` until it is in force.
fn make<P>(sim: &mut Sim<P, Shelf>, change: Change, expected: NodeSet)
where
    P: Protocol<Value = Bytes, Reply = Bytes>,
{
    for _ in 0..200 {
        let present = members(sim);
        if present == expected {
            return;
        }
        if let Some(asked) = present.iter().find(|id| sim.is_up(*id)) {
            _ = sim.force_change(asked, change);
        }
        run(sim, 100 * MS);
    }
    panic!("seed {}: {change} is not made: {:?}", sim.world().seed, sim.counts());
}

/// The number of commands on the shelves of all `members`, if they are equal.
fn level<P>(sim: &Sim<P, Shelf>, members: NodeSet) -> Option<usize>
where
    P: Protocol<Value = Bytes, Reply = Bytes>,
{
    // `None` while one of them takes over a snapshot.
    let shelves: Vec<_> = members.iter().map(|id| Some(&sim.machine(id)?.0)).collect::<Option<_>>()?;
    let first = shelves.first()?;
    shelves.iter().all(|shelf| shelf == first).then_some(first.len())
}

fn fits<P>(options: P::Options, leadership: Option<Leadership>, seed: u64) -> [u64; 2]
where
    P: Portable<Value = Bytes, Reply = Bytes>,
{
    let world = world::<P>(options, leadership, seed);
    let mut chance = Chance::new(seed, 31);
    let clients = world.clients.clone();
    let mut sim = Sim::new(world, |_| Shelf::default());
    for (name, client) in (0..).zip(&clients) {
        let mine: Vec<Bytes> = (0..COMMANDS).map(|k| command(&mut chance, name, k)).collect();
        sim.submit_in_turn(*client, 1 + 15 * chance.below(2) as usize, mine);
    }
    for reader in [0, 1, 2, 3] {
        for way in [Consistency::Confirmed, Consistency::Quorum] {
            sim.read_at(Time(0).after(chance.between(MS, 400 * MS)), NodeId(reader), way);
        }
    }
    // One server is away from the start, and must catch up with everything.
    let absent = NodeId(chance.below(3) as u16);
    sim.fail_at(Time(0).after(chance.between(Duration::ZERO, 60 * MS)), Fault::Crash(absent));
    run(&mut sim, chance.between(100 * MS, 300 * MS));
    // The leader is paused, and another process must learn everything that was voted for.
    sim.fail(Fault::Restart(absent));
    let leader = sim.leader().unwrap_or(NodeId(0));
    sim.fail(Fault::Pause(leader));
    run(&mut sim, chance.between(50 * MS, 400 * MS));
    sim.fail(Fault::Resume(leader));
    // An epoch begins with a member that has nothing yet.
    let n = NodeId;
    make(&mut sim, Change::add(n(3)), NodeSet::first(4));
    // All servers restart at different times, and continue from their disks.
    for id in NodeSet::first(5).iter() {
        sim.fail(Fault::Crash(id));
        sim.fail_at(sim.now().after(chance.between(Duration::ZERO, 100 * MS)), Fault::Restart(id));
    }
    run(&mut sim, chance.between(100 * MS, 500 * MS));
    let last = NodeSet::first(5).without(NodeSet::only(n(0)));
    make(&mut sim, Change::replace(n(0), n(4)), last);
    sim.links_mut().reliable_from = Some(sim.now());
    let patience = sim.now().after(Duration::from_secs(60));
    let clients_done = |sim: &Sim<P, Shelf>| {
        let mut all = sim.commands().iter().filter(|command| clients.contains(&command.id.client.node));
        all.all(paxos_transport::sim::Submitted::is_settled)
    };
    let wanted = Some(2 * usize::from(COMMANDS));
    let done = |sim: &Sim<P, Shelf>| clients_done(sim) && level(sim, last) == wanted;
    let stop = sim.run_until(|sim| done(sim) || sim.now() > patience);
    assert_eq!(stop.unwrap_or_else(|breach| panic!("{breach}")), Stop::Done, "seed {seed}");
    assert!(done(&sim), "seed {seed}: {:?} of {wanted:?}: {:?}", level(&sim, last), sim.counts());
    let log: usize = sim.machine(n(4)).expect("a member").0.iter().map(Vec::len).sum();
    assert!(log > 4 * FRAME, "seed {seed}: {log} bytes are no long log");
    [sim.counts().of(Kind::Chunk), sim.counts().of(Kind::Chosen)]
}

fn all_fit<P>(options: &P::Options, leadership: Option<Leadership>, usual: u64)
where
    P: Portable<Value = Bytes, Reply = Bytes>,
{
    let (first, seeds) = (number("FIRST").unwrap_or(0), number("SEEDS").unwrap_or(usual));
    let mut sum = [0, 0];
    for seed in first..first + seeds {
        let [chunks, chosen] = fits::<P>(options.clone(), leadership, seed);
        sum = [sum[0] + chunks, sum[1] + chosen];
    }
    let [chunks, chosen] = sum;
    assert!(chunks > 2 * seeds && chosen > 10 * seeds, "{chunks} pieces of snapshots, {chosen} of logs");
}

#[test]
fn basic_paxos_fits_into_small_frames() {
    all_fit::<Basic>(&basic_paxos::Options::default(), RIVALS, 30);
}

#[test]
fn simple_paxos_fits_into_small_frames() {
    all_fit::<Basic>(&basic_paxos::Options::default(), None, 30);
}

#[test]
fn multi_paxos_fits_into_small_frames() {
    all_fit::<Multi>(&(), None, 60);
}

#[test]
fn fast_paxos_fits_into_small_frames() {
    for recovery in [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic] {
        all_fit::<Fast>(&fast_paxos::Options { recovery, ..Default::default() }, None, 20);
    }
}

#[test]
fn a_message_longer_than_its_frame_or_than_what_it_holds() {
    let from = NodeId(1);
    messages_fit_a_frame(from, Kind::Promise, FRAME, FRAME).expect("as much as there is room for");
    let said = "n1 sends a promise of 4097 bytes, where a frame holds 4096";
    assert_breach(messages_fit_a_frame(from, Kind::Promise, FRAME + 1, FRAME), "messages_fit_a_frame", said);
    let amount = Amount { count: 2, bytes: 10 };
    sizes_are_known(from, Kind::Accept, amount.longest(), amount).expect("all that two commands take");
    sizes_are_known(from, Kind::Reply, FRAME, Amount::default()).expect("what the state machine made");
    let said = "n1 sends a heartbeat of 101 bytes, where 100 are the most for Amount { count: 0, bytes: 0 }";
    assert_breach(sizes_are_known(from, Kind::Heartbeat, 101, Amount::default()), "sizes_are_known", said);
}

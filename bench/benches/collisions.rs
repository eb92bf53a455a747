//! The cost of collisions: throughput and latency of Fast Paxos with each recovery, compared with Multi-Paxos, while
//! commands collide never, now and then, and all the time. The simulator runs in virtual time, so the numbers are the
//! same everywhere.
//!
//! ```text
//! cargo bench -p paxos-bench --bench collisions
//! ```
#![allow(missing_docs, unreachable_pub, clippy::expect_used, clippy::print_stdout)]

use core::time::Duration;
use fast_paxos::{FastPaxos, Hysteresis, Options, Recovery};
use multi_paxos::MultiPaxos;
use paxos_bench::variants::Digest;
use paxos_core::{Config, Protocol, Time};
use paxos_transport::sim::{Chance, Delay, Links, Service, Sim, World};

const fn us(n: u64) -> Duration {
    Duration::from_micros(n)
}

/// How clients submit commands.
#[derive(Clone, Copy)]
enum Load {
    /// One client with this many commands in flight. They collide with no other client's, but may overtake each other.
    Alone(usize),
    /// Eight clients. Each submits at random moments, with this mean gap, so some commands collide.
    Apart(Duration),
    /// Eight clients, each with this many commands in flight, so commands collide all the time.
    Crowd(usize),
}

struct Outcome {
    /// Commands decided and answered per second of virtual time.
    rate: f64,
    mean_ms: f64,
    p99_ms: f64,
    messages: f64,
}

fn measure<P>(options: P::Options, load: Load, commands: u64) -> Outcome
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let config = Config::collapsed(5).expect("five servers");
    let mut world = World::<P>::new(config, options, 1);
    world.check = false;
    // A round trip takes 1 ms on average, and a process is busy with each message for 5 µs.
    world.links = Links::new(Delay::Uniform { low: us(400), high: us(600) });
    world.service = Service::receiving(us(5));
    let clients = world.add_clients(if matches!(load, Load::Alone(_)) { 1 } else { 8 });
    let mut sim = Sim::new(world, |_| Digest::default());
    sim.run_for(us(50_000)).expect("nothing is checked");
    sim.reset_counts();
    let (start, each) = (sim.now(), commands / clients.len() as u64);
    let mut chance = Chance::new(1, 1);
    for (client, nth) in clients.iter().zip(0..) {
        let values = (0..each).map(|k| nth << 32 | k);
        match load {
            Load::Alone(k) | Load::Crowd(k) => sim.submit_in_turn(*client, k, values),
            Load::Apart(mean) => {
                let mut at = start;
                for value in values {
                    at = at.after(chance.exponential(mean));
                    sim.submit_at(at, *client, value);
                }
            }
        }
    }
    sim.run_until(|sim| sim.all_answered() && sim.commands().len() as u64 == each * clients.len() as u64)
        .expect("nothing is checked");
    let last = sim.commands().iter().filter_map(|c| Some(c.answer.as_ref()?.at)).max();
    let span = last.unwrap_or(Time(0)).since(start).as_secs_f64();
    let latencies = sim.commands().iter().filter_map(|c| Some(c.latency()?.as_secs_f64() * 1e3));
    let mut latencies: Vec<f64> = latencies.collect();
    latencies.sort_by(f64::total_cmp);
    let n = latencies.len();
    Outcome {
        rate: n as f64 / span,
        mean_ms: latencies.iter().sum::<f64>() / n as f64,
        p99_ms: latencies[n * 99 / 100],
        messages: sim.counts().total() as f64 / n as f64,
    }
}

fn main() {
    let commands = if std::env::args().any(|argument| argument == "--test") { 400 } else { 20_000 };
    let fast = |recovery, hysteresis| Options { recovery, hysteresis, ..Options::default() };
    let rule = Some(Hysteresis::default());
    let rows: [(&str, Option<Options>); 6] = [
        ("multi", None),
        ("fast, coordinated", Some(fast(Recovery::Coordinated, None))),
        ("fast, uncoordinated", Some(fast(Recovery::Uncoordinated, None))),
        ("fast, classic", Some(fast(Recovery::Classic, None))),
        ("fast, coordinated, hysteresis", Some(fast(Recovery::Coordinated, rule))),
        ("fast, uncoordinated, hysteresis", Some(fast(Recovery::Uncoordinated, rule))),
    ];
    let loads = [
        ("never: one client, 1 in flight", Load::Alone(1)),
        ("with itself: one client, 64 in flight, which overtake each other", Load::Alone(64)),
        ("now and then: 8 clients, each every 80 ms", Load::Apart(us(80_000))),
        ("often: 8 clients, each every 8 ms", Load::Apart(us(8_000))),
        ("constantly: 8 clients, 1 in flight each", Load::Crowd(1)),
        ("constantly: 8 clients, 16 in flight each", Load::Crowd(16)),
    ];
    for (name, load) in loads {
        println!("\n| {name} | commands/s | mean ms | 99 % ms | messages |\n|---|---:|---:|---:|---:|");
        for (variant, options) in &rows {
            let Outcome { rate, mean_ms, p99_ms, messages } = match options {
                None => measure::<MultiPaxos<u64, u64>>((), load, commands),
                Some(options) => measure::<FastPaxos<u64, u64>>(*options, load, commands),
            };
            println!("| {variant} | {rate:.0} | {mean_ms:.2} | {p99_ms:.2} | {messages:.1} |");
        }
    }
}

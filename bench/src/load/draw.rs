//! Draws the operations of one client at random.

use super::options::{Load, Skew, Workload};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The exponent of the Zipf distribution, as in YCSB.
const THETA: f64 = 0.99;

/// The largest COUNT of a scan.
const SCAN: u64 = 100;

/// One operation of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Get(Vec<u8>),
    Put(Vec<u8>, Vec<u8>),
    /// Reads a key, and sets it unless it has changed in the meantime.
    Cas(Vec<u8>, Vec<u8>),
    Append(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    /// Scans from a cursor, with a COUNT.
    Scan(u64, u64),
}

/// Draws ranks from 0 on with Zipf frequencies, after Gray et al., *Quickly Generating Billion-Record Synthetic
/// Databases*, SIGMOD 1994, §4.
#[derive(Clone, Debug)]
pub(super) struct Zipf {
    n: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipf {
    pub(super) fn new(n: u64) -> Self {
        // Beyond the first million ranks, an integral approximates the sum.
        let exact = n.min(1_000_000);
        let sum: f64 = (1..=exact).map(|rank| (rank as f64).powf(-THETA)).sum();
        let rest = ((n as f64).powf(1.0 - THETA) - (exact as f64).powf(1.0 - THETA)) / (1.0 - THETA);
        let (n, zeta) = (n as f64, sum + rest);
        let two = 1.0 + 0.5_f64.powf(THETA);
        let eta = (1.0 - (2.0 / n).powf(1.0 - THETA)) / (1.0 - two / zeta);
        Self { n, zeta, alpha: 1.0 / (1.0 - THETA), eta }
    }

    /// Returns the rank for a number between 0 and 1.
    pub(super) fn rank(&self, u: f64) -> u64 {
        let scaled = u * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5_f64.powf(THETA) {
            return 1.min(self.n as u64 - 1);
        }
        let rank = self.n * (self.eta * u - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.n as u64 - 1)
    }
}

/// Draws the operations of one client.
#[derive(Debug)]
pub(super) struct Draw {
    rng: ChaCha8Rng,
    workload: Workload,
    skew: Skew,
    zipf: Arc<Zipf>,
    /// The number of keys, which the inserts of all clients increase.
    keys: Arc<AtomicU64>,
    prefix: String,
    size: usize,
    client: u32,
    drawn: u64,
}

impl Draw {
    pub(super) fn new(options: &Load, client: u32, zipf: Arc<Zipf>, keys: Arc<AtomicU64>) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(u64::from(client) + 1);
        Self {
            rng,
            workload: options.workload,
            skew: options.skew(),
            zipf,
            keys,
            prefix: options.prefix.clone(),
            size: options.value_size as usize,
            client,
            drawn: 0,
        }
    }

    fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, n: u64) -> u64 {
        ((self.unit() * n as f64) as u64).min(n.saturating_sub(1))
    }

    fn key(&mut self) -> Vec<u8> {
        let n = self.keys.load(Relaxed);
        let u = self.unit();
        let at = match self.skew {
            Skew::Uniform => ((u * n as f64) as u64).min(n - 1),
            // Frequent keys are scattered over all key numbers.
            Skew::Zipf => {
                let rank = self.zipf.rank(u);
                rank.wrapping_mul(0x9e37_79b9_7f4a_7c15) % n
            }
            Skew::Latest => n - 1 - self.zipf.rank(u).min(n - 1),
        };
        self.name(at)
    }

    /// Returns the name of the key with this number.
    pub(super) fn name(&self, at: u64) -> Vec<u8> {
        format!("{}:{at}", self.prefix).into_bytes()
    }

    /// Returns a value that no other write uses.
    pub(super) fn value(&mut self) -> Vec<u8> {
        self.drawn += 1;
        let mut value = format!("{}.{}", self.client, self.drawn).into_bytes();
        if value.len() < self.size {
            value.push(b'.');
            value.resize(self.size.max(value.len()), b'x');
        }
        value
    }

    fn put(&mut self) -> Deed {
        Deed::Put(self.key(), self.value())
    }

    fn insert(&mut self) -> Deed {
        let at = self.keys.fetch_add(1, Relaxed);
        Deed::Put(self.name(at), self.value())
    }

    /// Returns the next operation.
    pub(super) fn next(&mut self) -> Deed {
        let dice = self.below(100);
        match self.workload {
            Workload::B | Workload::D if dice < 95 => Deed::Get(self.key()),
            Workload::C => Deed::Get(self.key()),
            Workload::E if dice < 95 => Deed::Scan(self.rng.next_u64() >> 1, 1 + self.below(SCAN)),
            Workload::A | Workload::F if dice < 50 => Deed::Get(self.key()),
            Workload::F => Deed::Cas(self.key(), self.value()),
            Workload::D | Workload::E => self.insert(),
            Workload::A | Workload::B | Workload::Write => self.put(),
            Workload::Register => match dice {
                0..35 => Deed::Get(self.key()),
                35..60 => self.put(),
                60..80 => Deed::Cas(self.key(), self.value()),
                80..92 => Deed::Append(self.key(), self.value()),
                _ => Deed::Delete(self.key()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_drawn_as_often_as_zipf_has_it() {
        let zipf = Zipf::new(1000);
        let draws = 200_000_u32;
        let mut counts = vec![0_u32; 1000];
        for nth in 0..draws {
            counts[zipf.rank(f64::from(nth) / f64::from(draws)) as usize] += 1;
        }
        let share = |rank: usize| f64::from(counts[rank]) / f64::from(draws);
        let harmonic: f64 = (1..=1000).map(|rank| f64::from(rank).powf(-THETA)).sum();
        assert!((share(0) - 1.0 / harmonic).abs() < 0.002, "{}", share(0));
        assert!((share(1) - 0.5_f64.powf(THETA) / harmonic).abs() < 0.002, "{}", share(1));
        let first: f64 = (0..100).map(share).sum();
        let expected: f64 = (1..=100).map(|rank| f64::from(rank).powf(-THETA) / harmonic).sum();
        assert!((first - expected).abs() < 0.02, "{first} {expected}");
        assert!((0..100).all(|n| Zipf::new(1).rank(f64::from(n) / 100.0) == 0));
    }
}

//! Links that can be disturbed: proxies between the processes. Each process connects to the others only through links.

use super::NemesisError;
use super::members::Members;
use crate::server::local_cluster::ports::reserve;
use core::time::Duration;
use paxos_transport::sim::Chance;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The number of connections that may wait until a link accepts them.
const BACKLOG: u32 = 64;

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// Everything gets through.
    Clear,
    /// Nothing gets through. What is sent meanwhile arrives when the cut is over.
    Cut,
    /// Each piece, which is what one read returns, is up to 150 ms late.
    Slow,
    /// Each piece ends its connection with probability 1/12.
    Flaky,
    /// In a quarter of the pieces, one bit is flipped.
    Dirty,
}

/// All links. The link from 0 to 1 carries the connections that 0 opens to 1, in both directions.
#[derive(Debug)]
pub struct Network {
    links: BTreeMap<(usize, usize), watch::Sender<Weather>>,
    harm: Arc<Harm>,
    /// The tasks that accept connections. They end when this is dropped.
    _carriers: JoinSet<()>,
}

/// Counts of the disturbances.
#[derive(Debug, Default)]
struct Harm {
    late: AtomicU64,
    ended: AtomicU64,
    changed: AtomicU64,
}

impl Network {
    /// Sets up links between processes that are not started yet, and writes the addresses of the links into the cluster
    /// files. Must be called in a tokio runtime. What is drawn comes from `seed`.
    ///
    /// # Errors
    /// [`NemesisError::Io`] if a link cannot be set up, or a cluster file cannot be written.
    pub fn between(members: &Members, seed: u64) -> Result<Self, NemesisError> {
        let (mut links, mut ports) = (BTreeMap::new(), BTreeMap::new());
        let (harm, count, mut carriers) = (Arc::new(Harm::default()), members.count(), JoinSet::new());
        for from in 0..count {
            for to in (0..count).filter(|to| *to != from) {
                let listening = reserve().and_then(|(port, socket)| Ok((port, socket.listen(BACKLOG)?)));
                let (port, listener) = listening.map_err(NemesisError::io("cannot listen at a port"))?;
                let (sender, weather) = watch::channel(Weather::Clear);
                let chance = Chance::new(seed, 1000 + (from * count + to) as u64);
                let carried = carry(listener, members.peer[to].clone(), weather, chance, Arc::clone(&harm));
                carriers.spawn(carried);
                links.insert((from, to), sender);
                ports.insert((from, to), port);
            }
            members.describe(from, |to| format!("127.0.0.1:{}", ports[&(from, to)]))?;
        }
        Ok(Self { links, harm, _carriers: carriers })
    }

    /// Changes the links for which `weather` returns a new state.
    pub fn set(&self, mut weather: impl FnMut(usize, usize) -> Option<Weather>) {
        for ((from, to), link) in &self.links {
            if let Some(weather) = weather(*from, *to) {
                link.send_replace(weather);
            }
        }
    }

    /// Clears all links.
    pub fn heal(&self) {
        self.set(|_, _| Some(Weather::Clear));
    }

    /// The numbers of late pieces, ended connections and flipped bits.
    pub fn harm(&self) -> (u64, u64, u64) {
        (self.harm.late.load(Relaxed), self.harm.ended.load(Relaxed), self.harm.changed.load(Relaxed))
    }
}

/// Accepts the connections of one link, and forwards each of them to `to`.
async fn carry(
    listener: TcpListener,
    to: String,
    weather: watch::Receiver<Weather>,
    mut chance: Chance,
    harm: Arc<Harm>,
) {
    while let Ok((near, _)) = listener.accept().await {
        let (to, weather, harm) = (to.clone(), weather.clone(), Arc::clone(&harm));
        let seed = chance.below(u64::MAX);
        tokio::spawn(async move {
            let Ok(far) = TcpStream::connect(&to).await else { return };
            // These options only make the link faster.
            drop((near.set_nodelay(true), far.set_nodelay(true)));
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            let there = pump(near_in, far_out, weather.clone(), Chance::new(seed, 0), &harm);
            let back = pump(far_in, near_out, weather, Chance::new(seed, 1), &harm);
            // When one direction ends, the other one ends, too.
            tokio::select! { _ = there => {}, _ = back => {} }
        });
    }
}

/// Forwards the bytes of one direction of a connection, as the weather says.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    mut chance: Chance,
    harm: &Harm,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut bytes).await?;
        let now = *weather.borrow();
        match now {
            Weather::Cut => {
                harm.late.fetch_add(1, Relaxed);
                if weather.wait_for(|weather| *weather != Weather::Cut).await.is_err() {
                    return Ok(());
                }
            }
            Weather::Slow => {
                harm.late.fetch_add(1, Relaxed);
                sleep(chance.between(Duration::ZERO, Duration::from_millis(150))).await;
            }
            Weather::Flaky if chance.below(12) == 0 => {
                harm.ended.fetch_add(1, Relaxed);
                return Ok(());
            }
            Weather::Dirty if length > 0 && chance.below(4) == 0 => {
                harm.changed.fetch_add(1, Relaxed);
                bytes[chance.below(length as u64) as usize] ^= 1 << chance.below(8);
            }
            Weather::Clear | Weather::Flaky | Weather::Dirty => {}
        }
        if length == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..length]).await?;
    }
}

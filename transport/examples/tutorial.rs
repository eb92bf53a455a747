//! Seat reservations: three members in one process, or three processes with disks and TCP. `docs/tutorial.md` explains
//! it.
//!
//! ```text
//! cargo run -p paxos-transport --example tutorial                    # three members in one process, in memory
//! cargo run -p paxos-transport --example tutorial -- 0 seats ADDRESS ADDRESS ADDRESS    # one process of three
//! ```

#![expect(clippy::print_stdout, reason = "an example prints what happens")]

use multi_paxos::MultiPaxos as Paxos;
use paxos_transport::paxos_core::{
    Change, Config, Consistency, NodeId, NodeSet, RestoreError, Slot, StateMachine, Value,
};
use paxos_transport::{MemoryCluster, Replicated};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

type Failure = Box<dyn std::error::Error>;
type Variant = Paxos<Command, Reply>;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Command {
    Take { seat: String, who: String },
    Free { seat: String, who: String },
}

impl Value for Command {
    fn bytes(&self) -> usize {
        let (Self::Take { seat, who } | Self::Free { seat, who }) = self;
        size_of::<Self>() + seat.len() + who.len()
    }
}

/// Why a command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Refusal {
    NoSuchSeat,
    TakenBy(String),
}

type Reply = Result<(), Refusal>;

/// The seats, and the holder of each; none if it is free.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hall(BTreeMap<String, Option<String>>);

impl Hall {
    fn new() -> Self {
        Self(["A1", "A2", "B1", "B2"].map(|seat| (seat.to_owned(), None)).into())
    }
}

impl StateMachine for Hall {
    type Command = Command;
    type Reply = Reply;

    fn apply(&mut self, _slot: Slot, command: &Command) -> Reply {
        let (Command::Take { seat, who } | Command::Free { seat, who }) = command;
        let holder = self.0.get_mut(seat).ok_or(Refusal::NoSuchSeat)?;
        // The holder may take its seat again, so a caller that does not know how its first try ended can repeat it.
        if let Some(other) = holder.as_ref().filter(|other| *other != who) {
            return Err(Refusal::TakenBy(other.clone()));
        }
        *holder = match command {
            Command::Take { .. } => Some(who.clone()),
            Command::Free { .. } => None,
        };
        Ok(())
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.0).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        self.0 = postcard::from_bytes(state).map_err(|error| RestoreError::Machine(error.to_string()))?;
        Ok(())
    }
}

fn take(seat: &str, who: &str) -> Command {
    Command::Take { seat: seat.to_owned(), who: who.to_owned() }
}

fn free(seat: &str, who: &str) -> Command {
    Command::Free { seat: seat.to_owned(), who: who.to_owned() }
}

/// Three members in one process. One is stopped and started again; a fourth is added, and the first one removed.
async fn in_memory() -> Result<(), Failure> {
    let mut config = Config::collapsed(3)?;
    // n3 is added later.
    config.spares = NodeSet::only(NodeId(3));
    // Small numbers for a short run: a change of members takes effect after 16 slots, and each 4 slots make a snapshot.
    config.limits.alpha = 16;
    config.limits.snapshot = 4;
    let mut cluster = MemoryCluster::<Variant, _>::start(config, |_| Hall::new()).await?;

    // Any member takes any command.
    let hall = cluster.member(NodeId(2)).clone();
    assert_eq!(hall.propose(take("A1", "alice")).await?, Ok(()));
    assert_eq!(hall.propose(take("A1", "bob")).await?, Err(Refusal::TakenBy("alice".to_owned())));
    let seen = hall.read(Consistency::Confirmed, |hall| hall.0["A1"].clone()).await?;
    println!("A1 belongs to {:?}", seen.value);

    // The other two continue without their leader.
    cluster.member(NodeId(0)).shutdown().await?;
    assert_eq!(hall.propose(take("B1", "bob")).await?, Ok(()));
    println!("n0 is stopped, and {:?} leads", hall.leader());

    // The member that comes back fetches what it missed.
    let back = cluster.spawn(NodeId(0)).await?.clone();
    let seen = back.read(Consistency::Confirmed, |hall| hall.0["B1"].clone()).await?;
    assert_eq!(seen.value.as_deref(), Some("bob"));
    println!("n0 is back, and knows that B1 belongs to {:?}", seen.value);

    let new = cluster.spawn(NodeId(3)).await?.clone();
    let from = hall.change(Change::add(NodeId(3))).await?;
    hall.until(|status| status.applied >= from).await?;
    hall.change(Change::remove(NodeId(0))).await?;
    hall.until(|status| status.may_stop.contains(NodeId(0))).await?;
    cluster.member(NodeId(0)).shutdown().await?;
    assert_eq!(new.propose(free("A1", "alice")).await?, Ok(()));
    println!("the members are {}", new.members().acceptors);
    cluster.shutdown().await;
    Ok(())
}

/// Starts the member `id` with what is in its directory. `addresses` are those of n0, n1 and so on.
async fn start(
    id: NodeId,
    directory: &Path,
    addresses: &[String],
) -> Result<Replicated<Variant, Hall>, Failure> {
    let mut config = Config::collapsed(u16::try_from(addresses.len())?)?;
    // One machine has to do it all, so an election begins after half a second without a leader, and not after a tenth.
    config.timeouts = config.timeouts.scaled(5);
    let member = Replicated::builder("seats", id, config)
        .peers((0..).map(NodeId).zip(addresses))
        // In production also: .tls(TlsOptions::from_files("ca.pem", "n0.pem", "n0.key")?)
        .store(directory.join(id.to_string()));
    Ok(member.start(Hall::new()).await?)
}

/// Executes one line of input. Returns the line to print.
async fn answer(hall: &Replicated<Variant, Hall>, line: &str) -> Result<String, Failure> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let command = match words[..] {
        ["take", seat, who] => take(seat, who),
        ["free", seat, who] => free(seat, who),
        ["show"] => {
            let seats = hall.read(Consistency::Confirmed, |hall| hall.0.clone()).await?.value;
            let taken = seats.iter().filter_map(|(seat, who)| Some(format!("{seat}={}", who.as_ref()?)));
            return Ok(format!("taken: {}", taken.collect::<Vec<_>>().join(" ")));
        }
        ["status"] => {
            let status = hall.status();
            let leader = status.leader.map_or("nobody".to_owned(), |leader| leader.to_string());
            return Ok(format!("{leader} leads; all before {} is executed here", status.applied));
        }
        _ => return Ok("take SEAT WHO, free SEAT WHO, show or status".to_owned()),
    };
    Ok(match hall.propose(command).await? {
        Ok(()) => "done".to_owned(),
        Err(refusal) => format!("refused: {refusal:?}"),
    })
}

/// One process of the cluster: it executes the lines of its standard input until that ends.
async fn process(id: NodeId, directory: &Path, addresses: &[String]) -> Result<(), Failure> {
    let hall = start(id, directory, addresses).await?;
    println!("{id} runs as process {}", std::process::id());
    // Reading blocks this thread. The member runs on others.
    for line in std::io::stdin().lines() {
        match answer(&hall, &line?).await {
            Ok(answer) => println!("{answer}"),
            Err(error) => println!("error: {error}"),
        }
    }
    Ok(hall.shutdown().await?)
}

#[tokio::main]
pub(crate) async fn run(args: &[String]) -> Result<(), Failure> {
    match args {
        [] => in_memory().await,
        [id, directory, addresses @ ..] => {
            process(NodeId(id.parse()?), Path::new(directory), addresses).await
        }
        [_] => Err("tutorial, or tutorial ID DIRECTORY ADDRESS ADDRESS ADDRESS".into()),
    }
}

fn main() -> Result<(), Failure> {
    run(&std::env::args().skip(1).collect::<Vec<_>>())
}

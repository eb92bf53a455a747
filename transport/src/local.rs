//! A cluster on one thread that passes messages directly between nodes: for benchmarks, tests and first steps.

use paxos_core::{
    CommandId, Config, Consistency, Envelope, Event, Message, Node, NodeId, Overloaded, Protocol, ReadError,
    Replica, Settled, Setup, Slot, StateMachine, Time, To,
};
use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

/// The number of slots that every replica must have executed since the last trim before the next one.
const TRIM_EVERY: u64 = 1024;

/// The servers of a configuration, driven in turn on the caller's thread. They have no store: nodes keep their votes
/// in memory. Virtual time advances only in [`LocalCluster::advance`], which also triggers timeouts.
#[derive(Debug)]
pub struct LocalCluster<P: Protocol, S: StateMachine> {
    members: Vec<Member<P, S>>,
    inboxes: Vec<Vec<(NodeId, Message<P>)>>,
    outcomes: Vec<Settled<P::Reply>>,
    /// Number of messages sent between distinct processes so far.
    messages: u64,
    now: Time,
    /// All replicas have executed and forgotten the slots below this one.
    trimmed: Slot,
}

#[derive(Debug)]
struct Member<P: Protocol, S: StateMachine> {
    node: Node<P>,
    replica: Replica<S>,
    down: bool,
    /// Whether the node has something to do although its inbox is empty.
    stirred: bool,
}

impl<P, S> LocalCluster<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Starts every server of `config`, each with the state machine that `machine` makes for it, and lets them elect
    /// their first leader.
    pub fn new(config: Config, machine: impl FnMut(NodeId) -> S) -> Self {
        Self::with(config, P::Options::default(), machine)
    }

    /// As [`LocalCluster::new`], with settings of the variant other than its defaults.
    pub fn with(config: Config, options: P::Options, mut machine: impl FnMut(NodeId) -> S) -> Self {
        let setup = Setup { id: NodeId(0), config: Arc::new(config), options };
        let servers = setup.config.servers();
        let size = servers.iter().last().map_or(0, |last| usize::from(last.0) + 1);
        let members = (0..size as u16).map(|id| {
            let setup = Setup { id: NodeId(id), ..setup.clone() };
            let replica = Replica::new(machine(NodeId(id)), &setup.config.limits);
            Member { node: Node::new(setup, Time(0)), replica, down: false, stirred: true }
        });
        let mut cluster = Self {
            members: members.collect(),
            inboxes: (0..size).map(|_| Vec::new()).collect(),
            outcomes: Vec::new(),
            messages: 0,
            now: Time(0),
            trimmed: Slot(0),
        };
        cluster.advance(Time(0));
        cluster
    }

    /// Submits a command as `node`'s client; [`LocalCluster::run`] gets it decided if a quorum is up.
    ///
    /// # Errors
    /// [`Overloaded`] if that client already has too many unanswered commands.
    ///
    /// # Panics
    /// If the node does not exist.
    #[inline]
    pub fn propose(&mut self, node: NodeId, value: P::Value) -> Result<CommandId, Overloaded> {
        self.members[usize::from(node.0)].stirred = true;
        self.members[usize::from(node.0)].node.submit(self.now, value)
    }

    /// Reads the state of a server when it is as recent as `consistency` requires. Returns `None` if it is not after
    /// all messages are delivered, because that server or too many others are stopped.
    ///
    /// # Errors
    /// If that server executes nothing.
    ///
    /// # Panics
    /// If the node does not exist.
    pub fn read<T>(
        &mut self,
        node: NodeId,
        consistency: Consistency,
        read: impl FnOnce(&S) -> T,
    ) -> Result<Option<T>, ReadError> {
        let member = &mut self.members[usize::from(node.0)];
        if member.down {
            return Ok(None);
        }
        let id = member.node.read(self.now, consistency)?;
        member.stirred = true;
        self.run();
        let member = &mut self.members[usize::from(node.0)];
        // The other readable reads belong to callers that have given up.
        let found = std::iter::from_fn(|| member.node.readable()).any(|readable| readable.id == id);
        member.node.cancel_reads(&BTreeSet::from([id]));
        Ok(found.then(|| read(member.replica.machine())))
    }

    /// Delivers messages until none is left. Afterwards, everything proposed is decided, answered, and executed by
    /// every replica that learned it, unless too few servers are up.
    pub fn run(&mut self) {
        loop {
            let mut quiet = true;
            for at in 0..self.members.len() {
                quiet &= !self.turn(at);
            }
            if quiet {
                break;
            }
        }
        self.trim();
    }

    /// Advances the time to `now` and triggers the timeouts that are due.
    pub fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
        for member in &mut self.members {
            if !member.down && member.node.deadline().is_some_and(|at| at <= now) {
                member.node.step(now, Event::Timeout);
                member.stirred = true;
            }
        }
        self.run();
    }

    /// The time of the next timeout, if any.
    pub fn deadline(&self) -> Option<Time> {
        self.members.iter().filter(|m| !m.down).filter_map(|m| m.node.deadline()).min()
    }

    /// Stops a server as if it had crashed: it receives and sends nothing until [`LocalCluster::start`].
    pub fn stop(&mut self, node: NodeId) {
        self.members[usize::from(node.0)].down = true;
    }

    /// Lets a stopped server continue with the state that it had.
    pub fn start(&mut self, node: NodeId) {
        self.members[usize::from(node.0)].down = false;
    }

    /// Returns the outcomes of commands since the last call, in the order in which they became known.
    pub fn outcomes(&mut self) -> std::vec::Drain<'_, Settled<P::Reply>> {
        self.outcomes.drain(..)
    }

    /// A server's node.
    pub fn node(&self, node: NodeId) -> &Node<P> {
        &self.members[usize::from(node.0)].node
    }

    /// A server's state machine.
    pub fn machine(&self, node: NodeId) -> &S {
        self.members[usize::from(node.0)].replica.machine()
    }

    /// Number of messages sent between distinct processes so far.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Lets one node handle its inbox. Returns whether it had anything to do.
    fn turn(&mut self, at: usize) -> bool {
        let member = &mut self.members[at];
        if self.inboxes[at].is_empty() && !mem::take(&mut member.stirred) {
            return false;
        }
        let mut inbox = mem::take(&mut self.inboxes[at]);
        if member.down {
            inbox.clear();
            return false;
        }
        for (from, message) in inbox.drain(..) {
            member.node.step(self.now, Event::Message { from, message });
        }
        self.inboxes[at] = inbox;
        let (inboxes, outcomes, messages) = (&mut self.inboxes, &mut self.outcomes, &mut self.messages);
        let from = NodeId(at as u16);
        let mut busy = false;
        member.node.process(
            &mut member.replica,
            |envelope| {
                busy = true;
                *messages += envelope.to.len() as u64;
                post(inboxes, from, envelope);
            },
            // Records need no disk: each node also keeps them in memory, and no node of this cluster restarts.
            |_| {},
            |outcome| outcomes.push(outcome),
        );
        busy || !self.inboxes[at].is_empty()
    }

    /// From time to time, forgets the slots that every replica has executed.
    fn trim(&mut self) {
        let applied = self.members.iter().filter(|m| m.node.is_learner()).map(|m| m.replica.next());
        let due = self.trimmed.plus(TRIM_EVERY);
        if applied.clone().any(|next| next < due) {
            return;
        }
        let Some(applied) = applied.min() else { return };
        self.trimmed = applied;
        for member in &mut self.members {
            member.node.trim(applied);
        }
    }
}

fn post<P: Protocol>(inboxes: &mut [Vec<(NodeId, Message<P>)>], from: NodeId, envelope: Envelope<P>) {
    let Envelope { to, message } = envelope;
    let mut deliver = |to: NodeId, message| {
        if let Some(inbox) = inboxes.get_mut(usize::from(to.0)) {
            inbox.push((from, message));
        }
    };
    match to {
        To::One(node) => deliver(node, message),
        To::Each(mut set) => {
            while let Some(node) = set.smallest() {
                set.remove(node);
                if set.is_empty() {
                    return deliver(node, message);
                }
                deliver(node, message.clone());
            }
        }
    }
}

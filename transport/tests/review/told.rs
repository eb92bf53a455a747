//! The outcomes that callers are told when a message is late.

use super::{Basic, Fast, Multi, Net};
use paxos_core::{
    Audience, Change, Changed, Config, Message, NodeId, Patience, Protocol, Refusal, Settled, Slot, Time,
    Unanswered,
};

/// Three servers and a client, in which n0 leads and n1 hears no leader.
fn deaf<P: Protocol<Value = u64, Reply = u64>>(config: &Config) -> Net<P> {
    let mut net = Net::<P>::new(Config { patience: Patience::Report, ..config.clone() }, 4);
    net.run(|_, _, _| true);
    while net.nodes[1].leader().is_some() {
        net.tick(&[0, 1, 2]);
        net.run(|_, to, _| to != 1);
    }
    net
}

/// The outcome that n1 is told for its only command.
fn told<P: Protocol<Value = u64, Reply = u64>>(net: &Net<P>) -> &Settled<u64> {
    net.outcomes.iter().find(|settled| settled.id.client.node == NodeId(1)).expect("an end")
}

/// n1 hears no leader and asks all servers. The leader n0 has no room for the copy from n1 and refuses it. Then it has
/// room, and the copy that n2 passes on arrives.
fn a_command_whose_copies_meet_a_full_queue_and_then_room<P>(mut config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    (config.limits.window, config.limits.queue) = (1, 1);
    let mut net = deaf::<P>(&config);
    // One command is in progress, and one waits.
    for command in [10, 20] {
        net.submit(3, command);
    }
    let mut late = Vec::new();
    net.run(|from, to, m| {
        let asked = matches!(m, Message::Accept(_) | Message::Prepare(_));
        if asked {
            late.push((from, to, m.clone()));
        }
        !asked && to != 1
    });
    net.submit(1, 40);
    let mut refused = false;
    net.run(|from, to, m| {
        let relayed = matches!(m, Message::Request(r) if r.audience == Audience::Relayed);
        if relayed {
            late.push((from, to, m.clone()));
        }
        refused |= matches!(m, Message::Refuse(r) if to == 1 && matches!(r.refusal, Refusal::Overloaded(_)));
        !relayed
    });
    assert!(refused, "n0 had no room for the copy from n1");
    for letter in late {
        net.give(letter);
        net.run(|_, _, _| true);
    }
    assert!(told(&net).result.as_ref().is_ok_and(|executed| executed.reply == 70), "{:?}", told(&net));
}

/// n1 asks all servers. n0 hands leadership over to n2, holds its copy back, and finally answers that it no longer
/// leads. n2 gets its own copy when it leads.
fn a_command_whose_copies_meet_an_old_and_a_new_leader<P>(config: &Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let mut net = deaf::<P>(config);
    net.nodes[0].transfer(Time(net.ms * 1_000_000), NodeId(2)).expect("it leads");
    net.submit(1, 40);
    let (mut late, mut refused) = (Vec::new(), false);
    while !refused {
        net.run(|from, to, m| {
            let request = matches!(m, Message::Request(_)) && to == 2;
            if request {
                late.push((from, to, m.clone()));
            }
            refused |=
                matches!(m, Message::Refuse(r) if to == 1 && matches!(r.refusal, Refusal::NotLeader(_)));
            !request && (to != 1 || matches!(m, Message::Refuse(_)))
        });
        net.tick(&[0, 2]);
    }
    for letter in late {
        net.give(letter);
    }
    for _ in 0..50 {
        net.run(|_, _, _| true);
        net.tick(&[0, 2]);
    }
    assert!(told(&net).result.as_ref().is_ok_and(|executed| executed.reply == 40), "{:?}", told(&net));
}

#[test]
fn a_refusal_of_one_copy_is_no_end_while_another_is_under_way() {
    let (multi, simple) = (Config::collapsed(3).expect("lawful"), basic_paxos::simple(3).expect("lawful"));
    a_command_whose_copies_meet_an_old_and_a_new_leader::<Multi>(&multi);
    a_command_whose_copies_meet_an_old_and_a_new_leader::<Basic>(&simple);
    a_command_whose_copies_meet_a_full_queue_and_then_room::<Multi>(multi);
    a_command_whose_copies_meet_a_full_queue_and_then_room::<Basic>(simple);
}

const CLIENT: u16 = 3;

/// Three servers, a client, and n4, which may become a learner.
fn changing<P: Protocol<Value = u64, Reply = u64>>(mut config: Config) -> Net<P> {
    (config.limits.idle, config.limits.alpha) = (8, 4);
    let mut net = Net::<P>::new(config, 5);
    net.run(|_, _, _| true);
    net
}

/// Lets `id` ask for a change. Nothing is sent yet.
fn ask_for<P: Protocol<Value = u64, Reply = u64>>(net: &mut Net<P>, id: u16, change: Change) {
    let now = Time(net.ms * 1_000_000);
    net.nodes[usize::from(id)].force_change(now, change).expect("room");
}

/// Lets ten milliseconds pass at the servers.
fn pass<P: Protocol<Value = u64, Reply = u64>>(net: &mut Net<P>) {
    for _ in 0..10 {
        net.tick(&[0, 1, 2]);
        net.run(|_, _, _| true);
    }
}

/// The beginning of the last known epoch, and whether n4 is a learner in it.
fn epochs<P: Protocol<Value = u64, Reply = u64>>(net: &Net<P>) -> (Slot, bool) {
    let epochs = net.nodes[0].chosen().epochs().expect("members change");
    (epochs.last().from, epochs.last().members.learners.contains(NodeId(4)))
}

/// A client asks for a change, and no server hears of it before the client's session has expired. The client is told
/// that it expired, and then its request arrives.
fn a_change_that_comes_late<P: Protocol<Value = u64, Reply = u64>>(config: Config) {
    let mut net = changing::<P>(config);
    net.submit(CLIENT, 1);
    net.run(|_, _, _| true);
    ask_for(&mut net, CLIENT, Change::add_learner(NodeId(4)));
    // The change is sent together with the next command, which arrives.
    net.submit(CLIENT, 2);
    let late: Vec<_> = net.letters.drain(..).collect();
    for command in 10..30 {
        net.submit(1, command);
        pass(&mut net);
    }
    net.submit(CLIENT, 3);
    pass(&mut net);
    let of_client = net.outcomes.iter().filter(|settled| settled.id.client.node == NodeId(CLIENT));
    let ends: Vec<_> = of_client.map(|settled| settled.result.is_ok()).collect();
    assert_eq!(ends, [true, false, false, false], "{}", P::NAME);
    assert_eq!(net.outcomes.last().map(|s| s.result), Some(Err(Unanswered::SessionExpired)));
    for letter in late {
        net.give(letter);
        pass(&mut net);
    }
    assert_eq!(epochs(&net), (Slot(0), false), "{}: what was told not to happen has happened", P::NAME);
}

/// A change is made, its answer is lost, and it is undone before its client asks again.
fn a_change_that_was_undone<P: Protocol<Value = u64, Reply = u64>>(config: Config) {
    let mut net = changing::<P>(config);
    ask_for(&mut net, CLIENT, Change::add_learner(NodeId(4)));
    net.submit(CLIENT, 1);
    for _ in 0..20 {
        net.tick(&[0, 1, 2]);
        net.run(|_, to, _| to != CLIENT);
    }
    let (made, there) = epochs(&net);
    assert!(there, "{}: the change is made", P::NAME);
    ask_for(&mut net, 1, Change::remove(NodeId(4)));
    net.submit(1, 2);
    pass(&mut net);
    assert!(!epochs(&net).1, "{}: it is undone", P::NAME);
    let mut told = Vec::new();
    for _ in 0..2000 {
        net.tick(&[0, 1, 2, CLIENT]);
        net.run(|_, _, _| true);
        told.extend(net.nodes[usize::from(CLIENT)].changes());
    }
    let told: Vec<_> = told.iter().map(|Changed { result, .. }| *result).collect();
    assert_eq!(told, [Ok(made)], "{}", P::NAME);
}

#[test]
fn a_change_of_members_that_was_told_not_to_happen_any_more_does_not() {
    a_change_that_comes_late::<Multi>(Config::collapsed(3).expect("lawful"));
    a_change_that_comes_late::<Fast>(Config::collapsed(3).expect("lawful"));
    a_change_that_comes_late::<Basic>(basic_paxos::simple(3).expect("lawful"));
}

#[test]
fn a_change_of_members_that_was_made_is_told_so_though_it_was_undone_meanwhile() {
    a_change_that_was_undone::<Multi>(Config::collapsed(3).expect("lawful"));
    a_change_that_was_undone::<Fast>(Config::collapsed(3).expect("lawful"));
    a_change_that_was_undone::<Basic>(basic_paxos::simple(3).expect("lawful"));
}

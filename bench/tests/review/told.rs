//! What callers are told, where a message is late.

use super::{Basic, Multi, Net};
use paxos_core::{Audience, Config, Message, NodeId, Patience, Protocol, Refusal, Settled, Time};

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

/// What n1 is told of its only command.
fn told<P: Protocol<Value = u64, Reply = u64>>(net: &Net<P>) -> &Settled<u64> {
    net.outcomes.iter().find(|settled| settled.id.client.node == NodeId(1)).expect("an end")
}

/// n1 hears no leader and asks everybody. n0 leads, has no room for n1's own copy of the command and says so; then it has
/// room, and the copy that n2 passes on comes.
fn a_command_whose_copies_meet_a_full_queue_and_then_room<P>(mut config: Config)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    (config.limits.window, config.limits.queue) = (1, 1);
    let mut net = deaf::<P>(&config);
    // One is under way, one waits.
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

/// n1 asks everybody. n0, which hands leadership over to n2, keeps its copy and says at last that it leads no more; n2 gets
/// its own copy when it leads.
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

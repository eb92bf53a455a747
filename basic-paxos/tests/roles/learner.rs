//! The learner: which votes add up to a decision.

use super::*;

fn voted(n: &mut Process, from: u16, b: Ballot, entry: Option<One<u64>>) {
    n.count(NodeId(from), &Accepted { ballot: b, slot: Slot(0), entry });
}

#[test]
fn a_higher_ballot_does_not_make_the_votes_of_a_lower_one_void() {
    let mut n0 = rival();
    for (from, b, known) in
        [(0, ballot(1, 0), None), (1, ballot(2, 1), None), (2, ballot(1, 0), Some(entry(7)))]
    {
        voted(&mut n0, from, b, Some(one(7)));
        assert_eq!(n0.learned(), known);
    }
}

#[test]
fn an_announcement_carries_the_value_to_those_who_may_not_have_it() {
    let thrifty = Config { thrifty: true, ..simple(3).expect("lawful") };
    let separate = Config::separate(1, 3, 1).expect("lawful");
    for (config, carried) in [
        (simple(3).expect("lawful"), None),
        (thrifty, Some(one(7))),
        (separate, Some(one(7))),
        (leaderless(3).expect("lawful"), Some(one(7))),
    ] {
        let mut n0 = process(config);
        n0.see(&accept(ballot(1, 0), 0, 7));
        (0..4).for_each(|from| voted(&mut n0, from, ballot(1, 0), None));
        assert_eq!(n0.decisions.pop().expect("decided").entry, carried);
    }
}

//! The learner: votes for many slots at once, and what a leader vouches for.

use super::*;

/// The commands, by number, that the learner knows in the first `n` slots.
fn known(process: &Process, n: u64) -> Vec<Option<u64>> {
    (0..n).map(|slot| Some(process.chosen.get(Slot(slot))?.id()?.seq)).collect()
}

#[test]
fn votes_are_counted_slot_by_slot() {
    let mut n = server(0, 3);
    n.see(&accept(ballot(1, 0), 0, 0..4));
    n.count(NodeId(1), &accepted(ballot(1, 0), 0..3));
    n.count(NodeId(2), &accepted(ballot(1, 0), 2..4));
    assert_eq!(known(&n, 4), [None, None, Some(2), None]);
    n.count(NodeId(2), &accepted(ballot(1, 0), 0..2));
    assert_eq!(known(&n, 4), [Some(0), Some(1), Some(2), None]);
}

#[test]
fn what_a_leader_vouches_for_is_its_own_proposal_and_no_other() {
    let mut n = server(1, 3);
    n.see(&accept(ballot(1, 0), 0, 0..2));
    n.see(&accept(ballot(2, 2), 1, 11..12));
    // Every slot below 3 is chosen. The learner knows what ballot 1.n0 proposed in slot 0. In slot 1 it last saw
    // another ballot's value, and in slot 2 none.
    paxos_core::Learner::<P>::on_heartbeat(&mut n.learner, ballot(1, 0), Slot(3), &mut n.chosen);
    assert_eq!(known(&n, 3), [Some(0), None, None]);
    assert!(n.chosen.is_behind());
}

#[test]
fn a_phase_2a_tells_what_was_chosen_before() {
    let mut n = server(1, 3);
    n.see(&accept(ballot(1, 0), 0, 0..2));
    n.see(&Accept { chosen: Slot(2), ..accept(ballot(1, 0), 2, 2..3) });
    assert_eq!(known(&n, 3), [Some(0), Some(1), None]);
}

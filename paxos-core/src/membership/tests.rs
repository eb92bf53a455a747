//! When changes take effect, and which are refused.

use super::*;
use crate::{Amnesia, Counts, Former, Incarnation, Phase, Start, StoreMark, Weighted};

fn epochs(n: u16) -> Epochs {
    let set = NodeSet::first(n);
    let members = Membership { proposers: set, acceptors: set, learners: set };
    Epochs::new(4, members, Arc::new(Counts::majority(set).expect("acceptors")))
}

/// Executes changes, one per slot, from `first` on. None: a no-op.
fn execute(epochs: &mut Epochs, first: u64, changes: &[Option<Change>]) {
    for (slot, change) in (first..).zip(changes) {
        if let Some(change) = change {
            epochs.note(Slot(slot), &(*change).into()).expect("it can be made");
        }
        epochs.advance(Slot(slot + 1));
    }
}

#[test]
fn a_change_takes_effect_alpha_slots_later() {
    let mut epochs = epochs(1);
    execute(&mut epochs, 0, &[Some(Change::add(NodeId(1)))]);
    assert_eq!((epochs.current().members.acceptors.len(), epochs.limit()), (1, Slot(4)));
    execute(&mut epochs, 1, &[None; 3]);
    assert_eq!((epochs.current().from, epochs.current().members.acceptors.len()), (Slot(4), 2));
    assert!(!epochs.current().quorums.is_quorum(Phase::One, NodeSet::first(1)));
    assert_eq!(epochs.limit(), Slot(8));
}

#[test]
fn changes_build_on_each_other_before_they_are_in_force() {
    let mut epochs = epochs(3);
    execute(&mut epochs, 7, &[Some(Change::add(NodeId(3))), Some(Change::remove(NodeId(0)))]);
    assert_eq!(epochs.next().map(|e| e.from), Some(Slot(11)));
    assert_eq!(epochs.last().members.acceptors, [1, 2, 3].map(NodeId).into_iter().collect());
    assert_eq!(epochs.everyone().acceptors, NodeSet::first(4));
    execute(&mut epochs, 9, &[None; 3]);
    assert_eq!((epochs.current().from, epochs.next()), (Slot(12), None));
}

#[test]
fn who_was_removed_does_not_come_back() {
    let mut epochs = epochs(3);
    assert_eq!(epochs.note(Slot(0), &Change::replace(NodeId(2), NodeId(3)).into()), Ok(Slot(4)));
    assert_eq!(epochs.note(Slot(1), &Change::add(NodeId(2)).into()), Err(Unchangeable::Retired));
    assert_eq!(
        epochs.note(Slot(1), &Change::replace(NodeId(3), NodeId(3)).into()),
        Err(Unchangeable::Retired)
    );
}

#[test]
fn the_store_with_which_a_member_joined_stays_its_store() {
    let store = |id| Incarnation::begin(StoreMark { id, writes: 7 }, 1);
    let mut epochs = epochs(3);
    let mut note = |change, stores: &[(u16, u128)]| {
        let stores = stores.iter().map(|(node, id)| (NodeId(*node), store(*id))).collect();
        epochs.note(Slot(0), &Reconfiguration { change, stores }).expect("it can be made");
        epochs.stores().iter().map(|(node, incarnation)| (node.0, incarnation.mark.id)).collect::<Vec<_>>()
    };
    // Only stores of those who join are taken, and founding members did not join.
    assert_eq!(note(Change::add(NodeId(3)), &[(0, 10), (3, 13), (4, 14)]), [(3, 13)]);
    assert_eq!(note(Change::add(NodeId(3)), &[(3, 23)]), [(3, 13)]);
    // A learner has promised nothing, so a store that is not known yet is taken when it gets another role.
    assert_eq!(note(Change::add_learner(NodeId(4)), &[]), [(3, 13)]);
    assert_eq!(note(Change::add(NodeId(4)), &[(4, 14)]), [(3, 13), (4, 14)]);
    // A member that leaves may vote for some slots more.
    assert_eq!(note(Change::remove(NodeId(3)), &[]), [(3, 13), (4, 14)]);
    let mut taken = self::epochs(3);
    taken.take_over(Slot(5), Some(&epochs.table()));
    assert_eq!(taken.stores(), epochs.stores());
}

#[test]
fn a_cluster_does_not_abolish_itself() {
    let mut epochs = epochs(1);
    assert_eq!(epochs.note(Slot(0), &Change::remove(NodeId(0)).into()), Err(Unchangeable::Unsound));
    let deaf = Membership { acceptors: NodeSet::only(NodeId(5)), ..Membership::default() };
    let change = Change { add: deaf, remove: NodeSet::EMPTY };
    assert_eq!(epochs.note(Slot(0), &change.into()), Err(Unchangeable::Unsound));
    assert_eq!(epochs.next(), None);
}

/// n6 takes the place of n0 (weight 3), and later n5 that of n1 (weight 2): in the order of the log, not of the ids.
#[test]
fn whoever_took_a_place_keeps_it_through_later_changes() {
    let set = NodeSet::first(4);
    let members = Membership { proposers: set, acceptors: set, learners: set };
    let quorums = Weighted::majority(set, &[3, 2, 1, 1]).expect("lawful");
    let mut epochs = Epochs::new(4, members, Arc::new(quorums));
    let first = Change::replace(NodeId(0), NodeId(6));
    let second = Change::replace(NodeId(1), NodeId(5));
    execute(&mut epochs, 0, &[Some(first), Some(second)]);
    // A quorum needs a weight of four out of seven: weights 3 and 1 are enough, weights 2 and 1 are not.
    let is_quorum = |epochs: &Epochs, ids: [u16; 2]| {
        let quorums = &epochs.last().quorums;
        quorums.is_quorum(Phase::One, ids.map(NodeId).into_iter().collect())
    };
    assert!(is_quorum(&epochs, [6, 2]), "n6 has the weight of n0");
    assert!(!is_quorum(&epochs, [5, 2]), "n5 has the weight of n1");
    // A process that starts from a snapshot, before or after the changes are in force, gets the same result.
    for next in 2..8 {
        execute(&mut epochs, next, &[None]);
        let mut other = Epochs::new(4, members, epochs.origin.0.clone());
        other.take_over(epochs.next_slot(), Some(&epochs.table()));
        assert!(is_quorum(&other, [6, 2]) && !is_quorum(&other, [5, 2]));
        assert_eq!(other, epochs);
    }
}

/// A store that is started again and again remembers how it began, and what came last. What it was heard of in between is
/// compared by the number of writes.
#[test]
fn of_many_starts_a_store_remembers_the_first_and_the_last() {
    let start = |opened| Start { opened, nonce: opened as u32 };
    let mut starts = Vec::new();
    for opened in 1..=1000 {
        Former::add(&mut starts, start(2 * opened));
    }
    assert_eq!(starts.len(), Former::MOST);
    assert_eq!(
        (starts[0], starts[255], starts[256], starts[511]),
        (start(2), start(512), start(1490), start(2000))
    );
    let former = Former::new(&starts);
    let state = |start: Start, writes| {
        let mark = StoreMark { id: 7, writes };
        Incarnation { mark, opened: start.opened, nonce: start.nonce }
    };
    let found = state(start(2002), 2002);
    let other = |opened| Start { nonce: 0, ..start(opened) };
    for (known, believed) in [
        (state(start(20), 21), true),
        (state(start(20), 22), false),
        (state(other(20), 20), false),
        (state(start(600), 601), true),
        (state(other(600), 601), true),
        (state(other(1600), 1600), false),
        (state(start(2000), 2001), true),
        (state(start(2000), 2002), false),
    ] {
        let amnesia = Amnesia::between(NodeId(1), known, found, &former);
        assert_eq!(amnesia.is_none(), believed, "{known:?}");
    }
}

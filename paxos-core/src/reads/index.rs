//! Below which slot everything lies that anybody was answered: the read index of a leader.

use crate::{Chosen, Learning, Slot};

/// The slot below which everything lies that was answered to anybody by now, as far as the leader of a classic ballot can
/// know, if nothing was chosen in a higher ballot. `recovered` is the end of the slots in which its phase 1 found
/// votes, whether or not it has proposed anything there yet; `proposed` is the end of those in which it has proposed.
///
/// Ongaro 2014, §6.4, takes the leader's commit index once an entry of its own term is committed. Here a new leader need not
/// wait for that: all that lower ballots may have chosen lies below `recovered`, since a phase 1 quorum reported every
/// vote (*Paxos Made Simple*, §2.2). Of what its own ballot chose, a distinguished learner, which is the leader itself, knows
/// before anybody else. Where everyone hears votes, any learner may know that any proposal is chosen.
pub fn answered_below<V>(learning: Learning, recovered: Slot, proposed: Slot, chosen: &Chosen<V>) -> Slot {
    let known = chosen.end().max(recovered);
    match learning {
        Learning::Distinguished => known,
        Learning::Everyone => known.max(proposed),
    }
}

//! The read index of a leader: a slot above every command that has been answered by now.

use crate::{Chosen, Learning, Slot};

/// Returns a slot above every command that has been answered by now, as far as the leader of a classic ballot can
/// know, if nothing was chosen in a higher ballot. `recovered` is the end of the slots in which its phase 1 found
/// votes, whether or not it has proposed there yet. `proposed` is the end of the slots in which it has proposed.
///
/// Ongaro 2014, §6.4, takes the leader's commit index after an entry of its own term is committed. A new leader need
/// not wait for that here: everything that lower ballots may have chosen lies below `recovered`, since a phase 1
/// quorum reported every vote (*Paxos Made Simple*, §2.2). As distinguished learner, the leader is the first to know
/// what its own ballot chose. Where everyone hears votes, any learner may know that any proposal is chosen.
pub fn answered_below<V>(learning: Learning, recovered: Slot, proposed: Slot, chosen: &Chosen<V>) -> Slot {
    let known = chosen.end().max(recovered);
    match learning {
        Learning::Distinguished => known,
        Learning::Everyone => known.max(proposed),
    }
}

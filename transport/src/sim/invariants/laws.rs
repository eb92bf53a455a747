//! The table of invariants: a sentence for each, and its source.

/// The description of an invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Law {
    /// The name of the function that checks it.
    pub name: &'static str,
    /// The invariant in one sentence.
    pub says: &'static str,
    /// The source: a paper and its section, or a page of this repository.
    pub source: &'static str,
}

impl Law {
    const fn new(name: &'static str, says: &'static str, source: &'static str) -> Self {
        Self { name, says, source }
    }

    /// The invariant of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        LAWS.iter().find(|law| law.name == name)
    }
}

/// All invariants, in the order of the table in [the module's documentation](super).
pub const LAWS: &[Law] = &[
    Law::new(
        "spoken_by_owner",
        "only a ballot's owner speaks in it",
        "Paxos Made Simple §2.2; Fast Paxos §2.2.1",
    ),
    Law::new(
        "no_ballot_used_twice",
        "no ballot is used in two incarnations of its owner",
        "Paxos Made Simple §2.5",
    ),
    Law::new(
        "one_value_per_ballot",
        "a slot has at most one proposed value per classic ballot",
        "Paxos Made Simple §2.2",
    ),
    Law::new(
        "any_stands_alone",
        "a ballot opened for any value proposes no value, and vice versa",
        "Fast Paxos §3.1",
    ),
    Law::new(
        "proposals_are_safe",
        "no other value has been or might yet be chosen in a lower ballot",
        "Fast Paxos §2.2.2, CP",
    ),
    Law::new("promises_never_fall", "a durable promise never falls", "Paxos Made Simple §2.2, P1a"),
    Law::new("nothing_is_forgotten", "what was durable survives a crash", "Paxos Made Simple §2.5"),
    Law::new("no_vote_below_promise", "a vote is never below the promise", "Paxos Made Simple §2.2, P1a"),
    Law::new(
        "one_vote_per_ballot",
        "an acceptor votes for at most one value per slot and ballot",
        "Fast Paxos §2.1.1",
    ),
    Law::new(
        "votes_follow_proposals",
        "a vote is for a proposed value, or in a ballot opened for any value",
        "Fast Paxos §2.2.2, CP; §3.1",
    ),
    Law::new(
        "written_before_spoken",
        "no promise or vote is sent before it is on disk",
        "Paxos Made Simple §2.5",
    ),
    Law::new(
        "agreement",
        "a slot has one chosen value, and processes know no other",
        "Paxos Made Simple §2.1",
    ),
    Law::new("stability", "what is chosen, or known to be chosen, stays so", "Paxos Made Simple §2.2, P2"),
    Law::new(
        "integrity",
        "only submitted commands and no-ops are proposed, voted for and chosen",
        "Paxos Made Simple §2.1",
    ),
    Law::new(
        "members_are_known",
        "no value is proposed in a slot whose members are not decided",
        "Paxos Made Simple §3",
    ),
    Law::new(
        "the_past_is_kept",
        "an acceptor that promises among new members has on disk what was chosen before",
        "paxos_core::Epochs",
    ),
    Law::new(
        "messages_are_bounded",
        "a message holds at most what Message::bound allows, or one command",
        "DESIGN §3",
    ),
    Law::new("messages_fit_a_frame", "a message is no longer than the network carries", "DESIGN §3"),
    Law::new("sizes_are_known", "an encoded message is no longer than its content allows", "DESIGN §3"),
    Law::new("in_order", "slots are executed in order, without a gap", "DESIGN §3"),
    Law::new("exactly_once", "a command takes effect once in an incarnation of a replica", "DESIGN §3"),
    Law::new(
        "reads_are_fresh",
        "a read sees everything that was answered before it began",
        "Herlihy and Wing 1990, §2.3",
    ),
    Law::new("one_outcome", "each command has one outcome for its caller", "DESIGN §4"),
    Law::new("answers_are_true", "an answer is what replicas returned in that slot", "DESIGN §4"),
    Law::new("ends_are_true", "no command takes effect contrary to what its caller was told", "DESIGN §4"),
    Law::new(
        "replicas_are_equal",
        "all replicas execute the same commands with the same results",
        "Paxos Made Simple §3",
    ),
    Law::new(
        "snapshots_tell_the_truth",
        "a snapshot covers only chosen slots, and all snapshots of a slot are equal",
        "Paxos Made Simple §3",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_one_in_the_documentation() {
        let plain =
            |text: &str| text.replace(['*', '`', '[', ']'], "").replace("paxos_core::Message", "Message");
        let rows: Vec<[String; 3]> = include_str!("../invariants.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | [`")?.strip_suffix(" |"))
            .filter_map(|row| {
                let [name, says, source] = row.split(" | ").collect::<Vec<_>>().try_into().ok()?;
                Some([name.split('`').next()?.to_owned(), plain(says), plain(source)])
            })
            .collect();
        let table: Vec<_> =
            LAWS.iter().map(|law| [law.name, law.says, law.source].map(str::to_owned)).collect();
        assert_eq!(table, rows);
    }
}

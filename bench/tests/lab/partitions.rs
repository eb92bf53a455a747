//! The experiment on partial partitions.

use crate::{find, number, table, text};

#[test]
fn clusters_whose_candidates_ask_first_decide_again_in_every_partial_partition() {
    let found = find("partitions");
    let partitions = table(&found, "partitions");
    for row in 0..partitions.rows.len() {
        // A leader that does not notice that it has lost its quorum is another matter: see below.
        if text(partitions, row, "asks") == "0" || text(partitions, row, "scenario").contains("unaware") {
            continue;
        }
        let what = &partitions.rows[row];
        assert!((number(partitions, row, "again") - number(partitions, row, "runs")).abs() < 0.1, "{what:?}");
        // The limit is a dozen of the shortest election timeouts.
        assert!(number(partitions, row, "gap_max_ms") < 1_800.0, "{what:?}");
    }
}

#[test]
fn in_a_chain_nobody_is_deposed_if_candidates_ask_first_and_somebody_is_if_not() {
    let found = find("partitions");
    let won = |key: &str| found.facts.number(key).unwrap_or_else(|| panic!("there is a fact {key}"));
    assert!(won("won_chained") <= 0.0 && won("won_chained_unasked") >= 1.0);
}

#[test]
fn in_quorum_loss_the_hub_leads_only_if_candidates_ask_first() {
    let found = find("partitions");
    let fact = |key: &str| found.facts.number(key).unwrap_or_else(|| panic!("there is a fact {key}"));
    // The phase 1a messages of the others, which reach nobody else, keep the hub from campaigning.
    assert!(fact("again_loss") >= fact("runs") && fact("again_loss_unasked") <= 0.0);
    assert!(fact("again_constrained_unasked") >= fact("runs"));
}

#[test]
fn a_leader_that_does_not_notice_that_it_has_no_quorum_keeps_multi_paxos_still() {
    let found = find("partitions");
    let fact = |key: &str| found.facts.number(key).unwrap_or_else(|| panic!("there is a fact {key}"));
    assert!(fact("again_loss") >= fact("runs"));
    assert!(fact("again_unaware") <= 0.0 && fact("again_unaware_unasked") <= 0.0);
}

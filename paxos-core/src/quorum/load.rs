//! The load of the busiest acceptor when quorums are picked in the best way.

use crate::{NodeId, NodeSet};

/// Smaller numbers are rounding errors.
const NOTHING: f64 = 1e-9;

/// See [`super::QuorumSystem::load`].
pub(super) fn load(quorums: &[NodeSet], acceptors: NodeSet) -> Option<f64> {
    if quorums.is_empty() {
        return None;
    }
    // If the empty set is a quorum, no acceptor has any load.
    if quorums.contains(&NodeSet::EMPTY) {
        return Some(0.0);
    }
    Some(1.0 / packing(quorums, acceptors).size)
}

/// The number of quorums that can be served at once if no acceptor serves more than one, with fractions.
#[derive(Debug)]
pub(super) struct Packing {
    pub(super) size: f64,
    /// The fraction of each quorum that is taken.
    #[cfg(test)]
    pub(super) taken: Vec<f64>,
    /// The price of each acceptor, with the same sum, at which every quorum costs at least 1. They prove that no
    /// larger packing exists.
    #[cfg(test)]
    pub(super) prices: Vec<f64>,
}

/// A strategy that picks quorum Q with probability w(Q) loads acceptor i with the sum of w over the quorums with i.
/// With x = w / load, the least load is 1 / max Σx, where Σx ≤ 1 over the quorums of each acceptor. This linear
/// programme is solved by the simplex method from x = 0. Bland's rule (the first column that gains, the first row
/// among equals) rules out cycles.
pub(super) fn packing(quorums: &[NodeSet], acceptors: NodeSet) -> Packing {
    let acceptors: Vec<NodeId> = acceptors.iter().collect();
    let (rows, columns) = (acceptors.len(), quorums.len());
    // One row per acceptor: a column for each quorum, one for each acceptor's slack, and the right-hand side.
    let width = columns + rows + 1;
    let row = |i: usize| {
        let mut row = vec![0.0; width];
        for (cell, quorum) in row.iter_mut().zip(quorums) {
            *cell = f64::from(u8::from(quorum.contains(acceptors[i])));
        }
        row[columns + i] = 1.0;
        row[width - 1] = 1.0;
        row
    };
    let mut table: Vec<Vec<f64>> = (0..rows).map(row).collect();
    let mut basis: Vec<usize> = (columns..columns + rows).collect();
    // The gain of one more unit of each column; the last cell holds the total gain so far, negated.
    let mut gains: Vec<f64> = (0..width).map(|column| f64::from(u8::from(column < columns))).collect();
    while let Some(column) = gains[..width - 1].iter().position(|gain| *gain > NOTHING) {
        let limit = |row: &[f64]| row[width - 1] / row[column];
        let limits =
            (0..rows).filter(|i| table[*i][column] > NOTHING).map(|i| (limit(&table[i]), basis[i], i));
        let tightest = limits.min_by(|a, b| {
            let equal = (a.0 - b.0).abs() <= NOTHING;
            if equal { a.1.cmp(&b.1) } else { a.0.total_cmp(&b.0) }
        });
        // Every quorum has a member, so every column is limited by a row.
        let Some((.., pivot)) = tightest else { break };
        basis[pivot] = column;
        let scale = table[pivot][column];
        table[pivot].iter_mut().for_each(|cell| *cell /= scale);
        let pivot_row = table[pivot].clone();
        let others = table.iter_mut().enumerate().filter(|(i, _)| *i != pivot).map(|(_, row)| row);
        for row in others.chain([&mut gains]) {
            let factor = row[column];
            if factor != 0.0 {
                row.iter_mut().zip(&pivot_row).for_each(|(cell, by)| *cell -= factor * by);
            }
        }
    }
    Packing {
        size: -gains[width - 1],
        #[cfg(test)]
        taken: (0..columns)
            .map(|c| basis.iter().position(|b| *b == c).map_or(0.0, |row| table[row][width - 1]))
            .collect(),
        #[cfg(test)]
        prices: gains[columns..width - 1].iter().map(|gain| -gain).collect(),
    }
}

//! Quorums by rows and columns.

use super::places::Places;
use super::{Phase, QuorumError, QuorumSystem};
use crate::NodeSet;
use std::sync::Arc;

/// Acceptors in a grid, placed row by row in the order of their ids (Cheung, Ammar, Ahamad 1992). With `R` rows and
/// `C` columns:
///
/// | | phase 1 | phase 2 | fast phase 2 |
/// |---|---|---|---|
/// | [`Grid::flexible`] | one acceptor of every column | a whole column | ⌊C/2⌋ + 1 whole columns |
/// | [`Grid::symmetric`] | one of every column, and a whole column | the same | ⌊C/2⌋ + 1 whole columns, so one of every column is enough for the law |
///
/// The law holds by construction. A phase 1 quorum has a member in every column, so it meets a whole one. Two fast
/// quorums have more than half of the columns each, so they share a whole one, which every phase 1 quorum meets.
///
/// A whole row is one acceptor of every column, so it is a phase 1 quorum as well: so are all sets that meet every
/// column, which is why phase 1 of the flexible grid survives R − 1 failures. Few columns make phase 1 cheap, few
/// rows make phase 2 cheap.
///
/// ```
/// use paxos_core::{Grid, NodeSet, Phase, QuorumError, QuorumSystem};
///
/// // n0 n1 n2
/// // n3 n4 n5
/// let grid = Grid::flexible(NodeSet::first(6), 2, 3)?;
/// assert_eq!(grid.minimal_quorums(Phase::TwoClassic)?.len(), 3);
/// assert_eq!(grid.minimal_quorums(Phase::One)?.len(), 8);
/// # Ok::<(), QuorumError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    acceptors: NodeSet,
    columns: Vec<NodeSet>,
    symmetric: bool,
}

impl Grid {
    /// Phase 1: one acceptor of every column. Phase 2: a whole column.
    ///
    /// # Errors
    /// [`QuorumError::Grid`] unless rows × columns is the number of acceptors.
    pub fn flexible(acceptors: NodeSet, rows: usize, columns: usize) -> Result<Self, QuorumError> {
        Self::new(acceptors, rows, columns, false)
    }

    /// Both phases: a whole column, and one acceptor of every other. Any two such sets meet, in whichever phase.
    ///
    /// # Errors
    /// [`QuorumError::Grid`] unless rows × columns is the number of acceptors.
    pub fn symmetric(acceptors: NodeSet, rows: usize, columns: usize) -> Result<Self, QuorumError> {
        Self::new(acceptors, rows, columns, true)
    }

    fn new(acceptors: NodeSet, rows: usize, columns: usize, symmetric: bool) -> Result<Self, QuorumError> {
        if acceptors.is_empty() {
            return Err(QuorumError::NoAcceptors);
        }
        if rows.checked_mul(columns) != Some(acceptors.len()) {
            return Err(QuorumError::Grid { rows, columns, acceptors: acceptors.len() });
        }
        let column = |nth: usize| acceptors.iter().skip(nth).step_by(columns).collect();
        Ok(Self { acceptors, columns: (0..columns).map(column).collect(), symmetric })
    }

    fn rows(&self) -> usize {
        self.acceptors.len() / self.columns.len()
    }

    /// How many whole columns a fast quorum has.
    fn most_columns(&self) -> usize {
        self.columns.len() / 2 + 1
    }

    fn whole(&self, answered: NodeSet) -> usize {
        self.columns.iter().filter(|column| column.is_subset(answered)).count()
    }

    fn covers(&self, answered: NodeSet) -> bool {
        self.columns.iter().all(|column| !column.intersection(answered).is_empty())
    }
}

impl QuorumSystem for Grid {
    fn acceptors(&self) -> NodeSet {
        self.acceptors
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        match phase {
            Phase::TwoFast => self.whole(answered) >= self.most_columns(),
            Phase::One | Phase::TwoClassic if self.symmetric => {
                self.whole(answered) > 0 && self.covers(answered)
            }
            Phase::One => self.covers(answered),
            Phase::TwoClassic => self.whole(answered) > 0,
        }
    }

    /// Who takes another's place stands in its row and column.
    fn over(&self, places: &Places) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let columns = places.renaming("a grid", self.acceptors)?.sets(&self.columns);
        Ok(Arc::new(Self { acceptors: places.acceptors(), columns, ..self.clone() }))
    }

    /// Nobody is left in a column when all R of it fail, and no whole column when one of each of C fails.
    fn failures_survived(&self, phase: Phase) -> Result<Option<usize>, QuorumError> {
        let (rows, columns) = (self.rows(), self.columns.len());
        Ok(Some(match phase {
            Phase::TwoFast => columns - self.most_columns(),
            Phase::One | Phase::TwoClassic if self.symmetric => rows.min(columns) - 1,
            Phase::One => rows - 1,
            Phase::TwoClassic => columns - 1,
        }))
    }

    /// All places are alike, so the share is a quorum's size by the number of acceptors.
    fn load(&self, phase: Phase) -> Result<Option<f64>, QuorumError> {
        let (rows, columns) = (self.rows(), self.columns.len());
        let size = match phase {
            Phase::TwoFast => rows * self.most_columns(),
            Phase::One | Phase::TwoClassic if self.symmetric => rows + columns - 1,
            Phase::One => columns,
            Phase::TwoClassic => rows,
        };
        Ok(Some(size as f64 / self.acceptors.len() as f64))
    }
}

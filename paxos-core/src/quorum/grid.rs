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
/// The law holds by construction. A phase 1 quorum has a member in every column, so it shares one with every whole
/// column. Two fast quorums each have more than half of the columns, so they share a whole column.
///
/// A whole row is one acceptor of every column, so it is a phase 1 quorum too. So is every set with a member in every
/// column: phase 1 of the flexible grid survives R − 1 failures. Few columns make phase 1 cheap; few rows make phase 2
/// cheap.
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
    /// Creates a grid with one acceptor of every column in phase 1, and a whole column in phase 2.
    ///
    /// # Errors
    /// [`QuorumError::Grid`] unless rows × columns is the number of acceptors.
    pub fn flexible(acceptors: NodeSet, rows: usize, columns: usize) -> Result<Self, QuorumError> {
        Self::new(acceptors, rows, columns, false)
    }

    /// Creates a grid with a whole column and one acceptor of every other in both phases. Any two such sets intersect.
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

    /// The number of whole columns in a fast quorum.
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

    /// An acceptor that takes another's place takes its row and column.
    fn over(&self, places: &Places) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let columns = places.renaming("a grid", self.acceptors)?.sets(&self.columns);
        Ok(Arc::new(Self { acceptors: places.acceptors(), columns, ..self.clone() }))
    }

    /// A column is empty when all its R members fail; no column is whole when a member of each of the C columns fails.
    fn failures_survived(&self, phase: Phase) -> Result<Option<usize>, QuorumError> {
        let (rows, columns) = (self.rows(), self.columns.len());
        Ok(Some(match phase {
            Phase::TwoFast => columns - self.most_columns(),
            Phase::One | Phase::TwoClassic if self.symmetric => rows.min(columns) - 1,
            Phase::One => rows - 1,
            Phase::TwoClassic => columns - 1,
        }))
    }

    /// All places are alike, so the load is the size of a quorum divided by the number of acceptors.
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

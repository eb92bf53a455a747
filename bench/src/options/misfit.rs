//! Options that have no effect beside the others. Somebody who gives one expects something of it, so it is refused.

use super::{Collision, Draw, Simulate};
use crate::load::{Load, Skew, Workload};
use crate::survey::Survey;
use crate::theory::{Layout, Learning};
use crate::variants::Variant;

/// An option that has no effect beside the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option} has no effect {because}; leave it out, or {instead}")]
pub struct Misfit {
    option: String,
    because: String,
    instead: String,
}

impl Misfit {
    fn new(option: impl Into<String>, because: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { option: option.into(), because: because.into(), instead: instead.into() }
    }

    /// Of learners, where no layout has learners of its own.
    pub(crate) fn learners() -> Self {
        Self::new("--learners", "with collapsed roles, where every server learns", "give --roles separate")
    }

    /// Of a collision, where no variant has fast ballots.
    pub(crate) fn collision(variants: &[Variant]) -> Self {
        let names: Vec<&str> = variants.iter().map(|variant| variant.name()).collect();
        let because = format!("with {}, which has no fast ballots", names.join(","));
        Self::new("--collision", because, "choose fast as a variant")
    }
}

/// Layout and learning of one variant, the asked for or the default ones.
fn placed(
    variant: Variant,
    roles: Option<Layout>,
    learning: Option<Learning>,
    learners: Option<u16>,
) -> Result<(Layout, Learning), Misfit> {
    let usual = (Layout::Collapsed, Learning::Distinguished);
    let placed = variant.placed(roles.unwrap_or(usual.0), learning.unwrap_or(usual.1));
    let never = format!("with {variant}, which is always {} and {}", placed.0, placed.1);
    let other = "choose another variant";
    match (roles, learning) {
        (Some(roles), _) if roles != placed.0 => Err(Misfit::new(format!("--roles {roles}"), never, other)),
        (_, Some(learning)) if learning != placed.1 => {
            Err(Misfit::new(format!("--learning {learning}"), never, other))
        }
        _ if learners.is_some() && placed.0 == Layout::Collapsed => Err(Misfit::learners()),
        _ => Ok(placed),
    }
}

impl Draw {
    /// Where it is drawn.
    ///
    /// # Errors
    /// [`Misfit`].
    pub(crate) fn placed(&self) -> Result<(Layout, Learning), Misfit> {
        let traits = self.variant.traits();
        if self.first && !traits.runs.contains(&crate::theory::Run::MultiFirst) {
            let because = format!("with {}, whose decisions are all alike", self.variant);
            return Err(Misfit::new("--first", because, "give --variant multi"));
        }
        if self.collision.is_some() && !traits.fast {
            return Err(Misfit::collision(&[self.variant]));
        }
        placed(self.variant, self.roles, self.learning, self.learners)
    }

    /// Whether clients collide.
    pub(crate) fn collision(&self) -> Collision {
        self.collision.unwrap_or(Collision::None)
    }
}

impl Simulate {
    /// Where it runs.
    ///
    /// # Errors
    /// [`Misfit`].
    pub(crate) fn placed(&self) -> Result<(Layout, Learning), Misfit> {
        if self.collision.is_some() && !self.variant.traits().fast {
            return Err(Misfit::collision(&[self.variant]));
        }
        let one = "give one seed";
        match (self.draw, &self.trace_out) {
            _ if self.seed.checked_add(self.seeds - 1).is_none() => {
                let because = format!("beyond seed {}, the last one", u64::MAX);
                Err(Misfit::new(format!("--seeds {}", self.seeds), because, "begin with a lower --seed"))
            }
            (Some(_), _) if self.seeds > 1 => {
                Err(Misfit::new("--draw", format!("with --seeds {}", self.seeds), one))
            }
            (_, Some(_)) if self.seeds > 1 => {
                Err(Misfit::new("--trace-out", format!("with --seeds {}", self.seeds), one))
            }
            _ => placed(self.variant, self.roles, self.learning, self.learners),
        }
    }
}

impl Survey {
    /// That as many sites are named as there are acceptors at most.
    pub(crate) fn check_sites(&self, most: u16) -> Result<(), Misfit> {
        if self.sites.len() <= usize::from(most) {
            return Ok(());
        }
        let because = format!("beyond the first {most}, for each acceptor has one site");
        let option = format!("--sites with {} sites", self.sites.len());
        Err(Misfit::new(option, because, format!("give --acceptors {}", self.sites.len())))
    }

    /// That commands can collide in one of the quorum systems.
    pub(crate) fn check_collisions(&self, fast: bool) -> Result<(), Misfit> {
        if self.collisions == 0 || fast {
            return Ok(());
        }
        let instead = "name a system with fast quorums and several acceptors";
        Err(Misfit::new("--collisions", "without fast ballots of several acceptors", instead))
    }
}

impl Load {
    /// That each option has an effect.
    pub(crate) fn check(&self) -> Result<(), Misfit> {
        let name = |workload| match workload {
            Workload::A => "a",
            Workload::B => "b",
            Workload::C => "c",
            Workload::D => "d",
            Workload::E => "e",
            Workload::F => "f",
            Workload::Write => "write",
            Workload::Register => "register",
        };
        let with = format!("with --workload {}", name(self.workload));
        if self.pipeline.is_some_and(|pipeline| pipeline as usize != self.depth()) {
            let because = format!("{with}, whose clients wait for each answer");
            return Err(Misfit::new("--pipeline", because, "choose another workload"));
        }
        let skew: Option<Skew> = self.skew;
        if skew.is_some() && self.workload == Workload::E {
            let because = format!("{with}, whose scans and inserts draw no key");
            return Err(Misfit::new("--skew", because, "choose another workload"));
        }
        Ok(())
    }
}

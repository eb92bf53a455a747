//! A session of the explorer: a list of inputs. The same list makes the same run, so a prefix of it is the past.

use super::ExploreError;
use super::scenarios::{SCENARIOS, Scenario};
use crate::variants::Variant;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The format of saved sessions.
const FORMAT: u32 = 1;

/// Longer lists are refused.
const LONGEST: usize = 2_000;

/// One input. Each becomes an object with its name under `do`: `{"do": "crash", "node": 0}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Take the next events, one after the other.
    Step {
        /// How many.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        times: u32,
    },
    /// Take events until one is more than upkeep (heartbeats and what learners tell each other), for 1 s of virtual time
    /// at most.
    Next,
    /// Take events until something is so, for 5 s of virtual time at most.
    Until {
        /// What.
        what: Goal,
    },
    /// Let time pass.
    Wait {
        /// For how long, in milliseconds.
        ms: u64,
    },
    /// The client of a process submits a command.
    Submit {
        /// The process.
        node: u16,
    },
    /// A process stops, and forgets all that is not on its disk.
    Crash {
        /// The process.
        node: u16,
    },
    /// A process starts again with what is on its disk.
    Restart {
        /// The process.
        node: u16,
    },
    /// A process does nothing, and forgets nothing.
    Pause {
        /// The process.
        node: u16,
    },
    /// A paused process goes on.
    Resume {
        /// The process.
        node: u16,
    },
    /// The disk of a process finishes nothing.
    StopDisk {
        /// The process.
        node: u16,
    },
    /// The disk of a process goes on.
    StartDisk {
        /// The process.
        node: u16,
    },
    /// What two processes send each other from now on is lost.
    Cut {
        /// The one.
        a: u16,
        /// The other.
        b: u16,
    },
    /// The link between two processes works again.
    Heal {
        /// The one.
        a: u16,
        /// The other.
        b: u16,
    },
    /// A message under way is lost.
    Drop {
        /// Its number.
        message: u64,
    },
    /// A message under way arrives later.
    Delay {
        /// Its number.
        message: u64,
        /// By how much, in milliseconds.
        ms: u64,
    },
    /// A message under way arrives twice.
    Duplicate {
        /// Its number.
        message: u64,
    },
    /// The client of a process asks that one member take the place of another.
    Replace {
        /// The process.
        node: u16,
        /// The member that leaves.
        old: u16,
        /// The process that takes its place.
        new: u16,
    },
    /// The leader is asked to hand over.
    Transfer {
        /// To whom.
        to: u16,
    },
}

/// What may be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Some process learns what is chosen in a slot of which no process knew it.
    Chosen,
    /// All commands are answered, or their clients were told that they are not.
    Answered,
    /// A process leads in a ballot in which nobody led before.
    Leader,
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_one(times: &u32) -> bool {
    *times == 1
}

/// A session.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The variant that runs.
    pub variant: Variant,
    /// The cluster, and what is different about it.
    pub scenario: &'static Scenario,
    /// Where delays and waiting times are drawn from.
    pub seed: u64,
    /// The inputs.
    pub actions: Vec<Action>,
}

/// A session as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "paxos-explore")]
    format: u32,
    variant: String,
    scenario: String,
    #[serde(default = "first_seed")]
    seed: u64,
    #[serde(default)]
    actions: Vec<Action>,
}

const fn first_seed() -> u64 {
    1
}

impl Script {
    /// The session with which a scenario begins.
    pub fn of(scenario: &'static Scenario, variant: Option<Variant>, seed: u64) -> Self {
        let variant = variant.unwrap_or(scenario.variant);
        Self { variant, scenario, seed, actions: scenario.actions.to_vec() }
    }

    /// Reads a session.
    ///
    /// # Errors
    /// [`ExploreError`] if it is none, or names what is not there.
    pub fn read(text: &str) -> Result<Self, ExploreError> {
        let Written { format, variant, scenario, seed, actions } = serde_json::from_str(text)?;
        if format != FORMAT {
            return Err(ExploreError::Format(format));
        }
        if actions.len() > LONGEST {
            return Err(ExploreError::Long { actions: actions.len(), longest: LONGEST });
        }
        let variant = Variant::from_str(&variant, false).map_err(|_| ExploreError::Variant(variant))?;
        Ok(Self { variant, scenario: named(&scenario)?, seed, actions })
    }

    /// The session as JSON, for [`Script::read`].
    ///
    /// # Errors
    /// None in practice: that it cannot be written.
    pub fn write(&self) -> Result<String, ExploreError> {
        let written = Written {
            format: FORMAT,
            variant: self.variant.name().into(),
            scenario: self.scenario.name.into(),
            seed: self.seed,
            actions: self.actions.clone(),
        };
        Ok(serde_json::to_string_pretty(&written)? + "\n")
    }
}

/// The scenario of this name.
///
/// # Errors
/// [`ExploreError::Scenario`] if there is none.
pub fn named(name: &str) -> Result<&'static Scenario, ExploreError> {
    SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| ExploreError::Scenario(name.into()))
}

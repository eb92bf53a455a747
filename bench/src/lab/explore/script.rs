//! A session of the explorer: a list of inputs. The same list makes the same run, so a prefix of the list is the past.

use super::ExploreError;
use super::scenarios::{Scenario, scenarios};
use crate::variants::Variant;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The format of saved sessions.
const FORMAT: u32 = 1;

/// The most inputs of a session. Longer lists are refused.
const LONGEST: usize = 2_000;

/// One input. In JSON, it is an object with its name under `do`: `{"do": "crash", "node": 0}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Take the next events, one after the other.
    Step {
        /// The number of events.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        times: u32,
    },
    /// Take events until one is more than upkeep (heartbeats, and the progress that learners tell each other), for at
    /// most 1 s of virtual time.
    Next,
    /// Take events until a goal is reached, for at most 5 s of virtual time.
    Until {
        /// The goal.
        what: Goal,
    },
    /// Let time pass.
    Wait {
        /// How much time, in milliseconds.
        ms: u64,
    },
    /// The client of a process submits a command.
    Submit {
        /// The process.
        node: u16,
    },
    /// A process crashes, and loses everything that is not on its disk.
    Crash {
        /// The process.
        node: u16,
    },
    /// A process restarts with what is on its disk.
    Restart {
        /// The process.
        node: u16,
    },
    /// A process is paused, and loses nothing.
    Pause {
        /// The process.
        node: u16,
    },
    /// A paused process resumes.
    Resume {
        /// The process.
        node: u16,
    },
    /// The disk of a process stalls.
    StopDisk {
        /// The process.
        node: u16,
    },
    /// The stalled disk of a process resumes.
    StartDisk {
        /// The process.
        node: u16,
    },
    /// The link between two processes loses every message sent from now on.
    Cut {
        /// One process.
        a: u16,
        /// The other process.
        b: u16,
    },
    /// The link between two processes works again.
    Heal {
        /// One process.
        a: u16,
        /// The other process.
        b: u16,
    },
    /// A message under way is lost.
    Drop {
        /// The message's number.
        message: u64,
    },
    /// A message under way arrives later.
    Delay {
        /// The message's number.
        message: u64,
        /// The additional delay, in milliseconds.
        ms: u64,
    },
    /// A message under way arrives twice.
    Duplicate {
        /// The message's number.
        message: u64,
    },
    /// The client of a process asks to replace one member by another process.
    Replace {
        /// The process.
        node: u16,
        /// The member that leaves.
        old: u16,
        /// The process that replaces it.
        new: u16,
    },
    /// The leader is asked to hand over.
    Transfer {
        /// The process that is to lead.
        to: u16,
    },
}

/// The goals that a run can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// A process learns the chosen value of a slot that no process knew before.
    Chosen,
    /// All commands are answered, or their clients were told that there will be no answer.
    Answered,
    /// A process leads in a higher ballot than any leader before.
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
    /// The scenario, with its cluster.
    pub scenario: &'static Scenario,
    /// The seed of delays and waiting times.
    pub seed: u64,
    /// The inputs.
    pub actions: Vec<Action>,
}

/// A session in its saved format.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "paxos-explore")]
    format: u32,
    variant: String,
    scenario: String,
    #[serde(default)]
    seed: Seed,
    #[serde(default)]
    actions: Vec<Action>,
}

/// A seed: a number, or text of its digits, which is read as well and written above 2⁵³. JavaScript, in which the page is
/// written, rounds larger numbers.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "Digits", into = "Digits")]
struct Seed(u64);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Digits {
    Number(u64),
    Text(String),
}

/// The largest number from which JavaScript can still tell its neighbours.
const EXACT: u64 = (1 << 53) - 1;

impl Default for Seed {
    fn default() -> Self {
        Self(1)
    }
}

impl From<Seed> for Digits {
    fn from(seed: Seed) -> Self {
        if seed.0 <= EXACT { Self::Number(seed.0) } else { Self::Text(seed.0.to_string()) }
    }
}

impl TryFrom<Digits> for Seed {
    type Error = String;

    fn try_from(digits: Digits) -> Result<Self, String> {
        let text = match digits {
            Digits::Number(seed) => return Ok(Self(seed)),
            Digits::Text(text) => text,
        };
        let wrong = |_| format!("{text:?} is no seed, which is a whole number from 0 to {}", u64::MAX);
        text.parse().map(Self).map_err(wrong)
    }
}

impl Script {
    /// Returns the session with which a scenario begins.
    pub fn of(scenario: &'static Scenario, variant: Option<Variant>, seed: u64) -> Self {
        let variant = variant.unwrap_or(scenario.variant);
        Self { variant, scenario, seed, actions: scenario.actions.to_vec() }
    }

    /// Reads a session.
    ///
    /// # Errors
    /// [`ExploreError`] if the text is not a session, or names an unknown variant or scenario.
    pub fn read(text: &str) -> Result<Self, ExploreError> {
        let Written { format, variant, scenario, seed: Seed(seed), actions } = serde_json::from_str(text)?;
        if format != FORMAT {
            return Err(ExploreError::Format(format));
        }
        if actions.len() > LONGEST {
            return Err(ExploreError::Long { actions: actions.len(), longest: LONGEST });
        }
        let variant = Variant::from_str(&variant, false).map_err(|_| ExploreError::Variant(variant))?;
        Ok(Self { variant, scenario: named(&scenario)?, seed, actions })
    }

    /// Returns the session as JSON, for [`Script::read`].
    ///
    /// # Errors
    /// If the session cannot be written as JSON, which does not happen in practice.
    pub fn write(&self) -> Result<String, ExploreError> {
        let written = Written {
            format: FORMAT,
            variant: self.variant.name().into(),
            scenario: self.scenario.name.into(),
            seed: Seed(self.seed),
            actions: self.actions.clone(),
        };
        Ok(serde_json::to_string_pretty(&written)? + "\n")
    }
}

/// Returns the scenario with this name.
///
/// # Errors
/// [`ExploreError::Scenario`] if there is no such scenario.
pub fn named(name: &str) -> Result<&'static Scenario, ExploreError> {
    scenarios().find(|scenario| scenario.name == name).ok_or_else(|| ExploreError::Scenario(name.into()))
}

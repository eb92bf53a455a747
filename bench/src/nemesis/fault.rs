//! The kinds of faults, and when each may happen.

use clap::ValueEnum;
use serde::Serialize;
use std::fmt::{self, Write};

/// Defines the kinds of faults, one in each line: the name in the code, the name on the command line, and what it does.
macro_rules! faults {
    ($($name:ident = $text:literal, $what:literal;)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ValueEnum)]
        #[serde(rename_all = "kebab-case")]
        pub enum Fault {
            $(#[doc = $what] #[value(name = $text)] $name,)*
        }

        impl Fault {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What the fault does.
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$name => $what,)*
                }
            }
        }
    };
}

// To add a kind, add a line here, and code in `act` that causes it.
faults! {
    Kill = "kill", "A member is killed (SIGKILL) and restarts from its disk";
    KillAll = "kill-all", "All members are killed at once and restart from their disks";
    Terminate = "terminate", "A member is told to stop (SIGTERM) and restarts";
    Rolling = "rolling", "Each member in turn is told to stop, restarts and serves";
    Stop = "stop", "A member is stopped (SIGSTOP) for less or more than an election timeout";
    Cut = "cut", "A member is cut off from all others. Held bytes arrive when the cut is over";
    CutLink = "cut-link", "Two members do not reach each other. All others reach both";
    OneWay = "one-way", "A member hears nobody, or nobody hears it";
    SlowLinks = "slow-links", "All bytes between members are up to 150 ms late";
    FlakyLinks = "flaky-links", "Connections between members break";
    DirtyLinks = "dirty-links", "Bits of messages between members are flipped";
    Transfer = "transfer", "Leadership is transferred to a member";
    Replace = "replace", "A spare becomes a member, and a member is removed";
    Spare = "spare", "A spare becomes a member and is removed again";
    WipeDisk = "wipe-disk", "A member loses its disk and restarts. The others must refuse it, and a spare replaces it";
}

/// Faults that this command does not have, and why.
pub const ABSENT: [(&str, &str); 2] = [
    (
        "slow-disk",
        "a process has no honest way to slow its own disk down; `soak` and the tests of `leaders` stall disks",
    ),
    ("clock", "it needs a library loaded into each process, such as libfaketime; `soak` stops clocks"),
];

/// The list of kinds as text.
pub fn list() -> String {
    let mut text = String::new();
    for fault in Fault::ALL {
        // Writing to a string cannot fail.
        _ = writeln!(text, "{:<12} {}", fault.name(), fault.what());
    }
    for (name, why) in ABSENT {
        _ = writeln!(text, "{name:<12} not here, because {why}");
    }
    text
}

/// The state of a cluster, as far as it decides which faults may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The number of members.
    pub members: usize,
    /// The number of members that are down, stopped, or behind disturbed links.
    pub harmed: usize,
    /// The number of members that have lost their disks and are still members.
    pub forgetful: usize,
    /// The number of spares that have not become members. One of them runs.
    pub spares: usize,
}

impl Fault {
    /// Whether the fault changes who the members are.
    pub const fn changes_members(self) -> bool {
        matches!(self, Self::Replace | Self::Spare | Self::WipeDisk)
    }

    /// Whether the fault may happen together with another one.
    pub const fn joins_others(self) -> bool {
        !self.changes_members() && !matches!(self, Self::Rolling | Self::Terminate)
    }

    /// Checks whether the fault may happen now.
    ///
    /// # Errors
    /// The reason why it may not.
    pub const fn may(self, now: Standing) -> Result<(), &'static str> {
        if self.changes_members() {
            // One spare becomes a member. Before that, a second one must run.
            if now.spares < 2 {
                return Err("too few spares are left");
            }
            if now.harmed > 0 {
                return Err("another member is harmed");
            }
        }
        // Every decision is on the disks of a majority. If fewer than half are lost, one of those disks remains.
        if matches!(self, Self::WipeDisk) && 2 * (now.forgetful + 1) >= now.members {
            return Err("half of the members would have lost their disks");
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_half_of_the_disks_are_lost_and_only_while_no_other_member_is_harmed() {
        for members in 1..=9 {
            for forgetful in 0..=members {
                for harmed in 0..=members {
                    let now = Standing { members, harmed, forgetful, spares: 2 };
                    let is_safe = harmed == 0 && 2 * (forgetful + 1) < members;
                    assert_eq!(Fault::WipeDisk.may(now).is_ok(), is_safe, "{now:?}");
                }
            }
        }
    }

    #[test]
    fn members_change_only_while_a_second_spare_runs_ahead() {
        for fault in Fault::ALL.iter().filter(|fault| fault.changes_members()) {
            let now = Standing { members: 3, harmed: 0, forgetful: 0, spares: 2 };
            assert_eq!(fault.may(now), Ok(()));
            assert_eq!(fault.may(Standing { spares: 1, ..now }), Err("too few spares are left"));
            assert_eq!(fault.may(Standing { harmed: 1, ..now }), Err("another member is harmed"));
            assert!(!fault.joins_others());
        }
        let worst = Standing { members: 3, harmed: 3, forgetful: 0, spares: 0 };
        assert_eq!(Fault::Kill.may(worst), Ok(()));
    }

    #[test]
    fn the_list_names_every_kind_and_those_that_are_absent() {
        let list = list();
        for name in Fault::ALL.iter().map(|fault| fault.name()).chain(ABSENT.map(|(name, _)| name)) {
            assert!(list.lines().any(|line| line.split(' ').next() == Some(name)), "{name}: {list}");
        }
    }
}

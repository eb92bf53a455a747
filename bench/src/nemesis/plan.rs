//! The faults of a window, drawn from a seed.

use super::Fault;
use core::time::Duration;
use paxos_transport::sim::Chance;

/// The member that a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The leader, if one is known; otherwise the first member.
    Leader,
    /// The member at this index in the list of members, modulo their number.
    Nth(usize),
}

/// One fault, with another one that may begin while it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// The fault.
    pub fault: Fault,
    /// The member that it hits.
    pub aim: Aim,
    /// The second fault and the member that it hits. None: the fault comes alone.
    pub beside: Option<(Fault, Aim)>,
    /// How long the faults last. Faults that wait for the cluster, such as changes of members, last until it is done.
    pub lasts: Duration,
    /// A drawn number for the details: the other end of a link, a direction, an order.
    pub detail: usize,
    /// Whether all members must answer before the next fault begins.
    pub settles: bool,
    /// The time without faults afterwards.
    pub pause: Duration,
}

/// The average time of an episode. It decides how many episodes a window gets.
const USUAL: Duration = Duration::from_millis(1500);

/// The faults of a window, in their order.
///
/// Each kind is drawn once before any kind is drawn again, also across windows. The window may end before its last
/// episodes.
pub fn draw(seed: u64, window: u64, faults: &[Fault], length: Duration) -> Vec<Episode> {
    let count = (length.as_millis() / USUAL.as_millis()).max(1) as u64;
    let mut chance = Chance::new(seed, 2 * window);
    let first = window * count;
    (first..first + count).map(|nth| episode(dealt(seed, nth, faults), faults, &mut chance)).collect()
}

/// The kind of the episode `nth` of a run. All kinds form a deck, which is shuffled anew for each round.
fn dealt(seed: u64, nth: u64, faults: &[Fault]) -> Fault {
    let count = faults.len().max(1) as u64;
    let mut chance = Chance::new(seed, 2 * (nth / count) + 1);
    let mut deck = faults.to_vec();
    for last in (1..deck.len()).rev() {
        deck.swap(last, chance.below(last as u64 + 1) as usize);
    }
    deck[(nth % count) as usize]
}

/// Draws the details of an episode.
fn episode(fault: Fault, faults: &[Fault], chance: &mut Chance) -> Episode {
    let (aim, beside) = (aim(chance), chance.below(3) == 0);
    let second: Vec<Fault> = faults.iter().copied().filter(|other| other.joins_others()).collect();
    let other = second.get(chance.below(second.len() as u64) as usize).copied();
    let other_aim = self::aim(chance);
    let ms = Duration::from_millis;
    // Half of the faults are shorter than the election timeout, which is at least 400 ms.
    let (low, high) = if chance.below(2) == 0 { (ms(20), ms(380)) } else { (ms(500), ms(2500)) };
    Episode {
        fault,
        aim,
        beside: other.filter(|_| beside && fault.joins_others()).map(|other| (other, other_aim)),
        lasts: chance.between(low, high),
        detail: chance.below(1 << 32) as usize,
        settles: chance.below(2) == 0,
        pause: chance.between(ms(0), ms(400)),
    }
}

/// Draws the member to hit. In half of the cases it is the leader, because faults there disturb the cluster most.
fn aim(chance: &mut Chance) -> Aim {
    if chance.below(2) == 0 { Aim::Leader } else { Aim::Nth(chance.below(64) as usize) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const LENGTH: Duration = Duration::from_secs(20);

    #[test]
    fn a_seed_and_a_window_give_the_same_faults_each_time_and_others_give_others() {
        for window in 0..50 {
            let plan = draw(7, window, Fault::ALL, LENGTH);
            assert_eq!(plan, draw(7, window, Fault::ALL, LENGTH));
            assert_ne!(plan, draw(8, window, Fault::ALL, LENGTH));
            assert_ne!(plan, draw(7, window + 1, Fault::ALL, LENGTH));
        }
    }

    #[test]
    fn every_kind_happens_as_often_as_every_other() {
        let mut times: BTreeMap<Fault, u64> = BTreeMap::new();
        for window in 0..Fault::ALL.len() as u64 {
            for episode in draw(1, window, Fault::ALL, LENGTH) {
                *times.entry(episode.fault).or_default() += 1;
            }
        }
        assert_eq!(times.len(), Fault::ALL.len());
        assert!(times.values().all(|count| *count == 13), "{times:?}");
    }

    #[test]
    fn faults_that_change_members_come_alone_and_the_leader_is_hit_often() {
        let all: Vec<Episode> = (0..100).flat_map(|window| draw(3, window, Fault::ALL, LENGTH)).collect();
        for episode in &all {
            let Some((second, _)) = episode.beside else { continue };
            assert!(episode.fault.joins_others() && second.joins_others(), "{episode:?}");
        }
        let leaders = all.iter().filter(|episode| episode.aim == Aim::Leader).count();
        assert!(leaders * 3 > all.len(), "{leaders} of {}", all.len());
        let short = all.iter().filter(|episode| episode.lasts < Duration::from_millis(400)).count();
        assert!(short > all.len() / 4 && short < all.len() * 3 / 4, "{short} of {}", all.len());
        assert!(all.iter().any(|episode| episode.beside.is_some()));
    }

    #[test]
    fn only_the_faults_that_were_asked_for_are_drawn() {
        let faults = [Fault::Kill, Fault::Cut];
        for episode in (0..50).flat_map(|window| draw(1, window, &faults, LENGTH)) {
            assert!(faults.contains(&episode.fault), "{episode:?}");
            assert!(episode.beside.is_none_or(|(second, _)| faults.contains(&second)), "{episode:?}");
        }
        assert!(draw(1, 0, &[Fault::WipeDisk], LENGTH).iter().all(|episode| episode.beside.is_none()));
    }
}

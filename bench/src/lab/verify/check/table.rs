//! The states of single processes and the steps between them, each computed once, for all states of the cluster in which
//! they occur; and which of them are equal but for the names of acceptors.

use super::local::{Act, Letter, Local, Process};
use super::system::{Checked, System};
use paxos_core::{Kind, Message, NodeId};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// An image that is not known.
const NONE: u32 = u32::MAX;

/// The ways in which acceptors may take each other's places. The first one leaves everyone in place.
#[derive(Clone)]
pub(super) struct Renamings {
    /// For each renaming, the new id of each process.
    names: Vec<Vec<u16>>,
    /// `product[a][b]` is `b` and then `a`.
    product: Vec<Vec<usize>>,
}

impl Renamings {
    /// All renamings of the processes `same`, which differ by nothing else, among `processes`.
    pub(super) fn of(processes: u16, same: std::ops::Range<u16>) -> Self {
        let mut names: Vec<Vec<u16>> = vec![(0..processes).collect()];
        for id in same.clone() {
            let longer = names.iter().flat_map(|order| {
                (id..same.end).map(|other| {
                    let mut order = order.clone();
                    order.swap(usize::from(id), usize::from(other));
                    order
                })
            });
            names = longer.collect();
        }
        names.sort_unstable();
        let after = |a: &[u16], b: &[u16]| -> Vec<u16> { b.iter().map(|id| a[usize::from(*id)]).collect() };
        let place = |order: &Vec<u16>| names.binary_search(order).unwrap_or_default();
        let product = names.iter().map(|a| names.iter().map(|b| place(&after(a, b))).collect()).collect();
        Self { names, product }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The new id of a process.
    pub(super) fn name(&self, renaming: usize, id: u16) -> u16 {
        self.names[renaming][usize::from(id)]
    }

    /// The renaming that does `first` and then `then`.
    pub(super) fn product(&self, then: usize, first: usize) -> usize {
        self.product[then][first]
    }

    /// The renaming that takes `renaming` back.
    pub(super) fn inverse(&self, renaming: usize) -> usize {
        self.product[renaming].iter().position(|product| *product == 0).unwrap_or_default()
    }
}

/// The state of a process before and after something that it did before the exploration began, and the process.
pub(super) type Opening = (Option<u32>, u32, u16);

/// Everything that is known about single processes. States of processes and messages have numbers.
pub(super) struct Table<P: Checked> {
    pub(super) renamings: Renamings,
    locals: Vec<Arc<Local<P>>>,
    numbers: FxHashMap<u128, u32>,
    /// The image of each local state under each renaming.
    images: Vec<u32>,
    letters: Vec<Arc<Letter<P>>>,
    letter_numbers: FxHashMap<u128, u32>,
    letter_images: Vec<u32>,
    next: FxHashMap<(u32, Act<u32>), u32>,
    /// What happened before the exploration began, and the renaming of acceptors after which it begins.
    opening: (Vec<Opening>, usize),
    /// A step that has another result when acceptors take each other's places.
    uneven: Option<String>,
}

impl<P: Checked> Table<P> {
    pub(super) fn new(renamings: Renamings) -> Self {
        Self {
            renamings,
            locals: Vec::new(),
            numbers: FxHashMap::default(),
            images: Vec::new(),
            letters: Vec::new(),
            letter_numbers: FxHashMap::default(),
            letter_images: Vec::new(),
            next: FxHashMap::default(),
            opening: (Vec::new(), 0),
            uneven: None,
        }
    }

    /// The number of states of single processes.
    pub(super) fn len(&self) -> usize {
        self.locals.len()
    }

    pub(super) fn local(&self, number: u32) -> &Arc<Local<P>> {
        &self.locals[number as usize]
    }

    pub(super) fn letter(&self, number: u32) -> &Letter<P> {
        &self.letters[number as usize]
    }

    /// The local state `number`, with the acceptors renamed.
    pub(super) fn image(&self, number: u32, renaming: usize) -> u32 {
        self.images[number as usize * self.renamings.len() + renaming]
    }

    /// The act, with the acceptors renamed.
    pub(super) fn act_image(&self, act: Act<u32>, renaming: usize) -> Act<u32> {
        act.map(|letter| self.letter_images[letter as usize * self.renamings.len() + renaming])
    }

    /// Whether the names of acceptors make no difference. Otherwise, a step for which they do.
    pub(super) fn even(&self) -> Result<(), &str> {
        self.uneven.as_deref().map_or(Ok(()), Err)
    }

    /// Notes what happened before the exploration begins, with the acceptors renamed.
    pub(super) fn open(&mut self, opening: Vec<Opening>, renaming: usize) {
        self.opening = (opening, renaming);
    }

    /// What happened before the exploration began.
    pub(super) fn opening(&self) -> Vec<Opening> {
        let (opening, renaming) = &self.opening;
        let image = |number: &u32| self.image(*number, *renaming);
        let renamed = |(before, after, id): &Opening| {
            (before.as_ref().map(image), image(after), self.renamings.name(*renaming, *id))
        };
        opening.iter().map(renamed).collect()
    }

    /// The number of a message, and of its images.
    pub(super) fn post(&mut self, from: NodeId, to: NodeId, message: &Message<P>) -> u32 {
        let all = self.renamings.len();
        let images: Vec<u32> = (0..all)
            .map(|renaming| {
                let [from, to] = [from, to].map(|id| NodeId(self.renamings.name(renaming, id.0)));
                let letter = Letter { from, to, message: message.clone() };
                let fresh = u32::try_from(self.letters.len()).unwrap_or(NONE);
                *self.letter_numbers.entry(letter.print()).or_insert_with(|| {
                    self.letters.push(Arc::new(letter));
                    self.letter_images.extend(std::iter::repeat_n(NONE, all));
                    fresh
                })
            })
            .collect();
        for (first, number) in images.iter().enumerate() {
            for then in 0..all {
                let image = images[self.renamings.product(then, first)];
                self.letter_images[*number as usize * all + then] = image;
            }
        }
        images[0]
    }

    fn number(&mut self, local: Local<P>) -> u32 {
        let (fresh, all) = (u32::try_from(self.locals.len()).unwrap_or(NONE), self.renamings.len());
        *self.numbers.entry(local.print()).or_insert_with(|| {
            self.locals.push(Arc::new(local));
            self.images.extend(std::iter::repeat_n(NONE, all));
            fresh
        })
    }

    /// The number of the process, which has sent `said` and the messages `sent`.
    fn note(
        &mut self,
        process: Process<P>,
        sent: &[(u16, u32)],
        requests: Vec<u32>,
        said: Vec<(NodeId, Message<P>)>,
    ) -> u32 {
        let (id, mut sent) = (process.node.id(), sent.to_vec());
        sent.extend(said.into_iter().map(|(to, message)| (to.0, self.post(id, to, &message))));
        sent.sort_unstable();
        sent.dedup();
        self.number(Local::new(process, sent, requests))
    }

    /// The numbers of all processes at their start.
    pub(super) fn start(&mut self, system: &System<P>) -> Vec<u32> {
        let starts: Vec<u32> = (0..system.processes)
            .map(|id| {
                let (process, said) = Process::start(system, id);
                self.note(process, &[], Vec::new(), said)
            })
            .collect();
        for id in 0..system.processes {
            let images: Vec<u32> = (0..self.renamings.len())
                .map(|renaming| starts[usize::from(self.renamings.name(renaming, id))])
                .collect();
            self.relate(&images, || format!("the start of n{id}"));
        }
        starts
    }

    /// What `act` makes of the local state `number`, if that was computed.
    pub(super) fn known(&self, number: u32, act: Act<u32>) -> Option<u32> {
        self.next.get(&(number, act)).copied()
    }

    /// What `act` makes of the local state `number`. The same is computed with the acceptors renamed, so that it is noticed if
    /// the names make a difference.
    pub(super) fn step(&mut self, system: &System<P>, number: u32, act: Act<u32>) -> u32 {
        if let Some(known) = self.known(number, act) {
            return known;
        }
        let results: Vec<u32> = (0..self.renamings.len())
            .map(|renaming| {
                let (number, act) = (self.image(number, renaming), self.act_image(act, renaming));
                if let Some(known) = self.known(number, act) {
                    return known;
                }
                let before = Arc::clone(self.local(number));
                let (process, said) = {
                    let act = act.map(|letter| &*self.letters[letter as usize]);
                    before.process.after(system, &act)
                };
                let sent: &[(u16, u32)] = if act == Act::Forget { &[] } else { &before.sent };
                let mut requests = before.requests.clone();
                if let Act::Hear(letter) | Act::HearAndCrash(letter) = act
                    && self.letter(letter).message.kind() == Kind::Request
                {
                    requests.push(letter);
                    requests.sort_unstable();
                }
                let result = self.note(process, sent, requests, said);
                self.next.insert((number, act), result);
                result
            })
            .collect();
        self.relate(&results, || format!("{act:?} at {number}"));
        results[0]
    }

    /// Notes that `images` are one local state under all renamings, in their order.
    fn relate(&mut self, images: &[u32], what: impl Fn() -> String) {
        let all = self.renamings.len();
        for (first, number) in images.iter().enumerate() {
            for then in 0..all {
                let image = images[self.renamings.product(then, first)];
                let place = &mut self.images[*number as usize * all + then];
                let known = std::mem::replace(place, image);
                if known != NONE && known != image {
                    self.uneven.get_or_insert_with(&what);
                }
            }
        }
        // What was sent has to correspond as well, and what the properties read has to be the same.
        for (renaming, image) in images.iter().enumerate() {
            let (one, other) = (self.local(images[0]), self.local(*image));
            if (&one.votes, &one.known, one.round) != (&other.votes, &other.known, other.round) {
                self.uneven.get_or_insert_with(&what);
            }
            let mut renamed: Vec<(u16, u32)> = (self.local(images[0]).sent.iter())
                .map(|(to, letter)| {
                    let letter = self.letter_images[*letter as usize * all + renaming];
                    (self.renamings.name(renaming, *to), letter)
                })
                .collect();
            renamed.sort_unstable();
            if renamed != self.local(*image).sent {
                self.uneven.get_or_insert_with(&what);
            }
        }
    }
}

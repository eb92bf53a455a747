//! A run that the checker found, step by step: told, drawn, and as a trace for other tools.

use super::local::{Act, Letter, Local};
use super::system::{Checked, State, Step, System};
use super::table::{Opening, Table};
use paxos_core::{NodeId, Time};
use paxos_transport::sim::{self, Note, Row, Steps, Trace, What};
use stateright::Path;
use std::collections::BTreeMap;

/// The time of a step of a run; the start is at 0.
const STEP: u64 = 1_000_000;

/// A run to a state without agreement.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Each step in words.
    pub told: Vec<String>,
    /// The run, to be drawn. A step takes 1 ms.
    pub drawing: Trace,
    /// Its protocol steps, in the trace format.
    pub steps: Steps,
}

/// What one process does, with the names that it has at the start of the run.
struct Deed {
    at: u16,
    act: Act<u32>,
    /// Its state before and after.
    before: u32,
    after: u32,
}

impl Found {
    /// States are explored under the first of their names. The run is told with the names that everyone has at its start.
    pub(super) fn new<P: Checked>(system: &System<P>, run: Path<State, Step>) -> Self {
        let table = system.table();
        let run = run.into_vec();
        let start: Vec<u32> = run.first().map(|(state, _)| state.places.to_vec()).unwrap_or_default();
        let opening = table.opening();
        // Takes the names of the explored state to those of the run.
        let (mut names, mut deeds) = (0, Vec::new());
        for (state, step) in run {
            let Some(Step { at, act, after }) = step else { break };
            let mut places = state.places;
            let image = |number| table.image(number, names);
            deeds.push(Deed {
                at: table.renamings.name(names, at),
                act: table.act_image(act, names),
                before: image(places[usize::from(at)]),
                after: image(after),
            });
            places[usize::from(at)] = after;
            let (_, renaming) = System::first_alike(&table, &places, state.crashes);
            names = table.renamings.product(names, table.renamings.inverse(renaming));
        }
        let told =
            deeds.iter().map(|deed| tell(deed.at, &deed.act.map(|letter| table.letter(letter)))).collect();
        let (drawing, steps) = (draw(&table, &start, &deeds), record(&table, &opening, &deeds));
        Self { told, drawing, steps }
    }
}

/// Describes what happens to a process.
fn tell<P: Checked>(at: u16, act: &Act<&Letter<P>>) -> String {
    let hears = |letter: &Letter<P>| format!("n{at} hears from {}: {:?}", letter.from, letter.message);
    match act {
        Act::Hear(letter) => hears(letter),
        Act::HearAndCrash(letter) => {
            format!("{}; it crashes before it writes what follows, and restarts", hears(letter))
        }
        Act::Durable => format!("n{at} is told that its oldest write is durable"),
        // These belong to the start.
        Act::Submit(_) | Act::Change | Act::Post(_) | Act::Forget => format!("n{at} starts"),
    }
}

fn time(step: usize) -> Time {
    Time(STEP * step as u64)
}

/// The numbers of the messages that it has sent, and `before` had not.
fn newly_sent<P: Checked>(before: Option<&Local<P>>, after: &Local<P>) -> Vec<u32> {
    let had = |sent: &(u16, u32)| before.is_some_and(|before| before.sent.binary_search(sent).is_ok());
    after.sent.iter().filter(|sent| !had(sent)).map(|(_, letter)| *letter).collect()
}

/// Draws the run: each message until it first arrives, or as lost.
fn draw<P: Checked>(table: &Table<P>, start: &[u32], deeds: &[Deed]) -> Trace {
    let mut arrivals: BTreeMap<u32, Time> = BTreeMap::new();
    for (deed, nth) in deeds.iter().zip(1..) {
        if let Act::Hear(letter) | Act::HearAndCrash(letter) = deed.act {
            arrivals.entry(letter).or_insert(time(nth));
        }
    }
    let nodes = (0..).zip(start).map(|(id, _)| NodeId(id)).collect();
    let mut trace = Trace { nodes, rows: Vec::new() };
    let mut note = |at: Time, node: u16, before: Option<&Local<P>>, after: &Local<P>, crash: bool| {
        let node = NodeId(node);
        let mut add = |what| trace.rows.push(Row { at, node, what });
        if crash {
            add(What::Noted(Note::Crashed, String::new()));
            add(What::Noted(Note::Restarted, String::new()));
        }
        let known = |known: &Local<P>| known.known.clone();
        let had = before.map(known).unwrap_or_default();
        for (slot, value) in after.known.iter().filter(|learned| !had.contains(learned)) {
            let value = value.map_or_else(|| "noop".to_owned(), |id| id.to_string());
            add(What::Noted(Note::Learned, format!("{slot} {value}")));
        }
        let first = trace.rows.len();
        for number in newly_sent(before, after) {
            let letter = table.letter(number);
            let (text, receiver) = (sim::label(&letter.message), (letter.to, arrivals.get(&number).copied()));
            let same = trace.rows[first..].iter_mut().find_map(|row| match &mut row.what {
                What::Sent { label, to, .. } if *label == text => Some(to),
                What::Sent { .. } | What::Noted(..) => None,
            });
            if let Some(receivers) = same {
                receivers.push(receiver);
                continue;
            }
            let what = What::Sent { kind: letter.message.kind(), label: text, to: vec![receiver] };
            trace.rows.push(Row { at, node, what });
        }
    };
    for (place, id) in start.iter().zip(0..) {
        note(time(0), id, None, table.local(*place), false);
    }
    for (deed, nth) in deeds.iter().zip(1..) {
        let (before, after) = (table.local(deed.before), table.local(deed.after));
        note(time(nth), deed.at, Some(before), after, matches!(deed.act, Act::HearAndCrash(_)));
    }
    trace
}

/// The run in the trace format, with what the processes did before it began.
fn record<P: Checked>(table: &Table<P>, opening: &[Opening], deeds: &[Deed]) -> Steps {
    let mut steps = Steps::default();
    let mut note = |at: Time, node: u16, before: Option<&Local<P>>, after: &Local<P>, crash: bool| {
        let node = NodeId(node);
        if crash {
            steps.lived(at, node, "crash");
            steps.lived(at, node, "restart");
        }
        let on_disk = before.map_or(0, |before| before.process.disk.len());
        for written in after.process.disk.iter().skip(on_disk) {
            steps.wrote(at, node, written);
        }
        for number in newly_sent(before, after) {
            steps.said(at, node, &table.letter(number).message);
        }
        let had = before.map(|before| before.known.clone()).unwrap_or_default();
        for (slot, _) in after.known.iter().filter(|learned| !had.contains(learned)) {
            let entry = after.process.node.chosen().get(*slot);
            if let Some(entry) = entry {
                steps.settled(at, node, "chosen", *slot, entry);
            }
        }
    };
    for (before, after, id) in opening {
        note(time(0), *id, before.map(|before| &**table.local(before)), table.local(*after), false);
    }
    for (deed, nth) in deeds.iter().zip(1..) {
        let (before, after) = (table.local(deed.before), table.local(deed.after));
        note(time(nth), deed.at, Some(before), after, matches!(deed.act, Act::HearAndCrash(_)));
    }
    steps
}

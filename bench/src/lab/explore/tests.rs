//! The guarantees of the explorer.

mod shown;
mod site;

use super::frame::{Fate, State, Tone};
use super::script::Action::{
    self, Crash, Cut, Delay, Drop, Duplicate, Heal, Next, Restart, Step, Submit, Until, Wait,
};
use super::script::Goal::Answered;
use super::{Frame, Mistake, Recording, Scenario, Script, export_html, export_svg, named, play, scenarios};
use crate::theory::Recovery;
use crate::variants::Variant;
use std::collections::BTreeMap;
use std::time::Duration;

fn script(scenario: &str, variant: Variant, actions: &[Action]) -> Script {
    Script { variant, scenario: named(scenario).unwrap(), seed: 1, actions: actions.to_vec() }
}

fn json(script: &Script) -> String {
    serde_json::to_string(&play(script).unwrap()).unwrap()
}

/// The state of every process in the last of these frames.
fn at_the_end(frames: &[Frame]) -> BTreeMap<u16, State> {
    let changed = frames.iter().flat_map(|frame| frame.changed.iter().cloned());
    changed.map(|state| (state.node, state)).collect()
}

/// The latest message of this kind that is still under way.
fn flying(run: &Recording, kind: &str) -> u64 {
    let mut trips = run.messages.iter().rev();
    trips.find(|trip| trip.fate == Fate::Flying && trip.kind == kind).and_then(|trip| trip.number).unwrap()
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    for scenario in scenarios() {
        for variant in Variant::ALL {
            let script = Script::of(scenario, Some(*variant), 7);
            assert_eq!(json(&script), json(&script), "{} {variant}", scenario.name);
        }
    }
}

#[test]
fn a_prefix_of_the_inputs_is_the_past() {
    for scenario in scenarios() {
        let whole = Script::of(scenario, None, 3);
        let run = play(&whole).unwrap();
        for length in 0..whole.actions.len() {
            let prefix = Script { actions: whole.actions[..length].to_vec(), ..whole.clone() };
            let past = play(&prefix).unwrap();
            let count = past.frames.len();
            assert_eq!(past.frames, run.frames[..count], "{} {length}", scenario.name);
            let belongs = |frame: &Frame| frame.action.is_none_or(|action| action < length);
            assert!(run.frames.get(count).is_none_or(|frame| !belongs(frame)), "{} {length}", scenario.name);
        }
    }
}

#[test]
fn so_many_steps_lead_into_the_middle_of_an_input() {
    let whole =
        script("no-fault", Variant::Multi, &[Wait { ms: 90 }, Submit { node: 3 }, Until { what: Answered }]);
    let run = play(&whole).unwrap();
    let middle = run.frames.iter().position(|frame| frame.action == Some(2) && frame.part == 3).unwrap();
    let steps = script("no-fault", Variant::Multi, &[Wait { ms: 90 }, Submit { node: 3 }, Step { times: 3 }]);
    assert_eq!(play(&steps).unwrap().frames, run.frames[..=middle]);
}

/// The law that breaks in a run of this variant, if any.
fn breaks(scenario: &Scenario, variant: Variant) -> Option<&'static str> {
    use fast_paxos::Mistake::{
        AnyWithAValue, HighestReplica, LosersForgotten, LosersRenamed, NothingProposed, ValuesInASet,
        WaitsForEver,
    };
    match scenario.setting.mistake? {
        Mistake::LyingDisk => Some("nothing_is_forgotten"),
        Mistake::RoundedDown | Mistake::FastPaxos(_) if variant != Variant::Fast => None,
        Mistake::RoundedDown | Mistake::FastPaxos(ValuesInASet | HighestReplica) => {
            Some("proposals_are_safe")
        }
        Mistake::FastPaxos(NothingProposed | WaitsForEver | LosersForgotten) => {
            Some("every_command_is_decided")
        }
        Mistake::FastPaxos(LosersRenamed) => Some("integrity"),
        Mistake::FastPaxos(AnyWithAValue) => Some("any_stands_alone"),
    }
}

#[test]
fn every_scenario_keeps_the_invariants_but_those_of_its_mistake() {
    let mut wrong = Vec::new();
    for scenario in scenarios() {
        for (variant, seed) in Variant::ALL.iter().flat_map(|variant| [1, 2, 3].map(|seed| (*variant, seed)))
        {
            let run = play(&Script::of(scenario, Some(variant), seed)).unwrap();
            if run.broken.as_ref().map(|broken| broken.invariant) != breaks(scenario, variant) {
                wrong.push(format!("{} with {variant}, seed {seed}: {:?}", scenario.name, run.broken));
            }
            assert!(run.frames.iter().all(|frame| !frame.text.is_empty()), "{}", scenario.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The names are those of the table in `docs/verification.md`, one for each mistake.
#[test]
fn each_mistake_has_a_scenario_that_ends_with_its_law_and_the_page_names_both() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/explore.md")).unwrap();
    let with: Vec<_> = scenarios().filter(|scenario| scenario.setting.mistake.is_some()).collect();
    assert_eq!(with.len(), 9);
    for scenario in with {
        let run = play(&Script::of(scenario, None, 1)).unwrap();
        let broken = run.broken.unwrap();
        assert_eq!(broken.frame, run.frames.len() - 1, "{}", scenario.name);
        assert!(!broken.says.is_empty() && !broken.source.is_empty(), "{}", scenario.name);
        let row =
            page.lines().find(|line| line.contains(&format!("`{}`", scenario.name))).unwrap_or_default();
        assert!(row.contains(&format!("`{}`", broken.invariant)), "{}: {row}", scenario.name);
    }
}

#[test]
fn each_variant_has_a_run_of_its_own_in_the_report() {
    let runs: Vec<_> = Variant::ALL
        .iter()
        .map(|variant| {
            let run = play(&Script::of(named("no-fault").unwrap(), Some(*variant), 1)).unwrap();
            (run.frames, run.messages)
        })
        .collect();
    assert!(runs.iter().enumerate().all(|(nth, run)| !runs[..nth].contains(run)));
}

#[test]
fn every_scenario_without_a_mistake_ends_with_all_commands_answered_or_a_duel() {
    for (scenario, variant) in
        scenarios().flat_map(|scenario| Variant::ALL.iter().map(move |v| (scenario, *v)))
    {
        if scenario.setting.mistake.is_some() || scenario.setting.duel {
            continue;
        }
        let run = play(&Script::of(scenario, Some(variant), 1)).unwrap();
        let all = at_the_end(&run.frames);
        let mut commands = all.values().flat_map(|state| &state.commands);
        assert!(commands.all(|(_, end)| end.starts_with("answered")), "{} {variant}", scenario.name);
    }
}

#[test]
fn every_scenario_comes_to_its_end_with_the_variant_that_shows_it() {
    for scenario in scenarios().filter(|scenario| scenario.setting.mistake.is_none()) {
        let run = play(&Script::of(scenario, None, 1)).unwrap();
        let refused: Vec<_> = run.frames.iter().filter(|frame| frame.tone == Tone::Refused).collect();
        assert!(refused.is_empty(), "{}: {refused:?}", scenario.name);
        assert_eq!(run.cut_short, None, "{}", scenario.name);
        let all = at_the_end(&run.frames);
        let mut commands = all.values().flat_map(|state| &state.commands);
        let duel = scenario.setting.duel;
        assert!(commands.all(|(_, end)| end.starts_with("answered") != duel), "{}", scenario.name);
    }
}

#[test]
fn a_collision_is_seen_with_each_recovery() {
    for name in ["collision-coordinated", "collision-uncoordinated", "collision-classic"] {
        let run = play(&Script::of(named(name).unwrap(), None, 1)).unwrap();
        let votes =
            run.frames.iter().flat_map(|frame| &frame.changed).filter_map(|state| state.acceptor.as_ref());
        let first = votes.flat_map(|acceptor| &acceptor.votes).filter(|vote| vote.slots == "s0");
        let values: std::collections::BTreeSet<_> = first.map(|vote| vote.value.clone()).collect();
        assert_eq!(values.len(), 2, "{name}: {values:?}");
    }
}

#[test]
fn a_message_is_dropped_delayed_and_doubled() {
    let begun = [Wait { ms: 90 }, Submit { node: 3 }];
    let with =
        |more: &[Action]| play(&script("no-fault", Variant::Multi, &[&begun[..], more].concat())).unwrap();
    let request = flying(&with(&[]), "request");
    let fate = |run: &Recording| {
        let trip = run.messages.iter().find(|trip| trip.number == Some(request)).unwrap();
        (trip.fate, trip.due_us)
    };
    let usual = with(&[Step { times: 3 }]);
    let dropped = with(&[Drop { message: request }, Step { times: 3 }]);
    assert_eq!(fate(&dropped).0, Fate::Dropped);
    let late = with(&[Delay { message: request, ms: 30 }]);
    assert_eq!(fate(&late), (Fate::Flying, fate(&usual).1.map(|due| due + 30_000)));
    let doubled = with(&[Duplicate { message: request }]);
    let requests = doubled.messages.iter().filter(|trip| trip.kind == "request" && trip.fate == Fate::Flying);
    assert_eq!(requests.count(), 2);
    let again = with(&[Drop { message: request }, Drop { message: request }]);
    let last = again.frames.last().unwrap();
    assert_eq!(
        (last.tone, last.text.as_str()),
        (Tone::Refused, &*format!("Message {request} is not under way."))
    );
}

#[test]
fn a_crashed_process_knows_what_is_on_its_disk_and_no_more() {
    let run = script(
        "no-fault",
        Variant::Multi,
        &[Wait { ms: 90 }, Submit { node: 3 }, Until { what: Answered }, Crash { node: 1 }],
    );
    let down = at_the_end(&play(&run).unwrap().frames)[&1].clone();
    assert!(!down.up && down.acceptor.is_none() && down.learner.is_none());
    assert!(down.disk.count > 0);
    let again = Script { actions: [&run.actions[..], &[Restart { node: 1 }]].concat(), ..run };
    let up = at_the_end(&play(&again).unwrap().frames)[&1].clone();
    assert_eq!((up.up, up.acceptor.unwrap().votes.len()), (true, 1));
}

#[test]
fn a_cut_link_loses_what_is_sent_until_it_is_healed() {
    let cut = [Wait { ms: 90 }, Cut { a: 3, b: 0 }, Submit { node: 3 }];
    let lost = |actions: &[Action]| {
        let run = play(&script("no-fault", Variant::Multi, actions)).unwrap();
        (
            run.messages.iter().filter(|trip| trip.fate == Fate::Lost).count(),
            run.frames.last().unwrap().cuts.clone(),
        )
    };
    assert_eq!(lost(&cut), (1, vec![(0, 3)]));
    let healed = [Wait { ms: 90 }, Cut { a: 3, b: 0 }, Heal { a: 0, b: 3 }, Submit { node: 3 }];
    assert_eq!(lost(&healed), (0, Vec::new()));
}

#[test]
fn next_passes_over_upkeep() {
    let inputs = [&[Wait { ms: 110 }, Submit { node: 3 }][..], &[Next; 12]].concat();
    let run = play(&script("no-fault", Variant::Multi, &inputs)).unwrap();
    let mut passed = 0;
    for action in 2..inputs.len() {
        let mine: Vec<_> = run.frames.iter().filter(|frame| frame.action == Some(action)).collect();
        let (last, before) = mine.split_last().unwrap();
        assert!(!last.quiet && before.iter().all(|frame| frame.quiet));
        passed += before.len();
    }
    assert!(passed > 0, "there was upkeep");
}

#[test]
fn next_ends_where_there_is_nothing_but_upkeep() {
    let run = play(&script("no-fault", Variant::Multi, &[Wait { ms: 2000 }, Next])).unwrap();
    let last = run.frames.last().unwrap();
    assert_eq!(last.text, "Only upkeep has happened for 1 s.");
    assert_eq!(last.at_us, 3_000_000);
}

#[test]
fn a_broken_invariant_is_told_with_its_sentence_and_source() {
    let run = play(&Script::of(named("lying-disk").unwrap(), None, 1)).unwrap();
    let broken = run.broken.unwrap();
    assert_eq!(broken.says, "what was durable survives a crash");
    assert_eq!(broken.source, "Paxos Made Simple §2.5");
    assert_eq!(broken.frame, run.frames.len() - 1);
}

#[test]
fn a_saved_session_is_read_again() {
    for scenario in scenarios() {
        for seed in [9, (1 << 53) + 1, u64::MAX] {
            let script = Script::of(scenario, Some(Variant::Fast), seed);
            assert_eq!(Script::read(&script.write().unwrap()).unwrap(), script);
        }
    }
}

#[test]
fn a_seed_that_javascript_would_round_is_written_as_text() {
    let written = |seed| Script::of(named("duel").unwrap(), None, seed).write().unwrap();
    assert!(written((1 << 53) - 1).contains("\"seed\": 9007199254740991,"));
    assert!(written(1 << 53).contains("\"seed\": \"9007199254740992\","));
    assert!(
        json(&Script::of(named("duel").unwrap(), None, u64::MAX))
            .contains("\"seed\":\"18446744073709551615\"")
    );
    let refused = Script::read(&written(1 << 53).replace("9007199254740992", "-7")).unwrap_err().to_string();
    assert!(
        refused.contains("\"-7\" is no seed, which is a whole number from 0 to 18446744073709551615"),
        "{refused}"
    );
}

#[test]
fn what_is_unknown_is_refused_with_a_sentence() {
    let read = |text: &str| Script::read(text).unwrap_err().to_string();
    let session = |rest: &str| {
        format!("{{\"paxos-explore\": 1, \"variant\": \"multi\", \"scenario\": \"no-fault\", {rest}}}")
    };
    let unknown = read(&session("\"actions\": [{\"do\": \"explode\"}]"));
    assert!(unknown.starts_with("this is not a session: unknown variant `explode`"), "{unknown}");
    assert!(unknown.ends_with("docs/explore.md describes the format and every input"), "{unknown}");
    let field = read(&session("\"actions\": [{\"do\": \"crash\", \"node\": 1, \"hard\": true}]"));
    assert!(field.contains("unknown field `hard`"), "{field}");
    assert_eq!(
        read("{\"paxos-explore\": 2, \"variant\": \"multi\", \"scenario\": \"no-fault\"}"),
        "the session has format 2, and this program reads format 1; use the program that wrote it"
    );
    assert!(
        read("{\"paxos-explore\": 1, \"variant\": \"raft\", \"scenario\": \"no-fault\"}")
            .contains("there is no variant")
    );
    assert!(
        read("{\"paxos-explore\": 1, \"variant\": \"fast\", \"scenario\": \"nothing\"}")
            .contains("there is no scenario")
    );
}

#[test]
fn inputs_that_cannot_be_are_refused_and_change_nothing() {
    let inputs = [
        Crash { node: 9 },
        Restart { node: 0 },
        Cut { a: 1, b: 1 },
        Heal { a: 0, b: 1 },
        Submit { node: 77 },
    ];
    for input in inputs {
        let run = play(&script("no-fault", Variant::Basic, &[Wait { ms: 50 }, input])).unwrap();
        let last = run.frames.last().unwrap();
        assert_eq!(last.tone, Tone::Refused, "{input:?}: {}", last.text);
        assert!(last.changed.is_empty() && last.text.ends_with('.'), "{input:?}: {}", last.text);
    }
}

#[test]
fn files_ask_nobody() {
    let script = Script::of(named("collision-coordinated").unwrap(), None, 1);
    let run = play(&script).unwrap();
    let html = export_html(&script, &run, false).unwrap();
    for asks in ["http://", "https://", "src=", "@import", "url("] {
        let found = html.matches(asks).count();
        let namespaces = html.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(found, if asks == "http://" { namespaces } else { 0 }, "{asks}");
    }
    assert!(html.len() < 3_000_000, "{}", html.len());
    let svg = export_svg(&run, false);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("learns s0"));
    assert_eq!(svg.matches("<g").count(), svg.matches("</g>").count());
}

#[test]
fn time_passes_even_if_nothing_happens() {
    let run = play(&script("duel", Variant::Basic, &[Wait { ms: 5 }])).unwrap();
    assert_eq!(Duration::from_micros(run.frames.last().unwrap().at_us), Duration::from_millis(5));
}

#[test]
fn each_recovery_is_that_of_its_scenario() {
    let recovery = |name| named(name).unwrap().setting.recovery;
    assert_eq!(recovery("collision-classic"), Recovery::Classic);
    assert_eq!(recovery("collision-uncoordinated"), Recovery::Uncoordinated);
}

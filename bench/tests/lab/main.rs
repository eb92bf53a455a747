//! The lab's experiments reproduce results of papers, and their files contain the numbers in their sentences.

mod failover;
mod load;
mod own;
mod partitions;
mod png;
mod shards;
mod traced;
mod variants;
mod wide_area;
mod world;

use paxos_bench::lab::experiments::{
    Cell, EXPERIMENTS, Experiment, Findings, Setting, Table, named, page, render,
};
use paxos_bench::lab::quorums::QuorumChoice;
use paxos_bench::lab::report::Format;
use paxos_bench::lab::survey::{collide, fast_chance};
use paxos_bench::theory::{Layout, Learning};
use paxos_bench::variants::Variant;
use paxos_core::NodeSet;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

fn quick() -> Setting {
    Setting { quick: true, ..Setting::default() }
}

/// The findings of an experiment, which is made once for all tests.
fn find(name: &'static str) -> Arc<Findings> {
    static FOUND: Mutex<BTreeMap<&str, Arc<OnceLock<Arc<Findings>>>>> = Mutex::new(BTreeMap::new());
    let found = Arc::clone(FOUND.lock().expect("no panic").entry(name).or_default());
    Arc::clone(found.get_or_init(|| Arc::new(make(name))))
}

fn make(name: &str) -> Findings {
    let experiment = named(name).expect("an experiment");
    experiment.find(&quick(), &mut |_| ()).unwrap_or_else(|why| panic!("{name}: {why}"))
}

fn table<'a>(findings: &'a Findings, name: &str) -> &'a Table {
    findings.table(name).unwrap_or_else(|| panic!("there is a table {name}"))
}

fn text(table: &Table, row: usize, column: &str) -> String {
    table.cell(row, column).unwrap_or_else(|| panic!("{} has {column}", table.name)).text()
}

fn number(table: &Table, row: usize, column: &str) -> f64 {
    let cell = table.cell(row, column).and_then(Cell::number);
    cell.unwrap_or_else(|| panic!("{}.csv has a number in row {row}, {column}", table.name))
}

#[test]
fn every_count_is_the_formula() {
    let found = find("counts");
    let counts = table(&found, "counts");
    assert!(counts.rows.len() > 150 && found.facts.number("compared") > Some(150.0));
    assert_eq!((0..counts.rows.len()).find(|row| number(counts, *row, "differs") > 0.0), None);
}

#[test]
fn with_equal_learning_fast_never_beats_multi_for_the_client_beside_the_leader_and_wins_or_loses_on_average()
{
    let wan = find("wan");
    let latency = table(&wan, "latency");
    let (mut beside, mut clients) = (BTreeMap::new(), BTreeMap::new());
    for row in 0..latency.rows.len() {
        let [variant, learning, leader, client] =
            ["variant", "learning", "leader", "client"].map(|column| text(latency, row, column));
        let ms = number(latency, row, "latency_ms");
        assert!((ms - number(latency, row, "predicted_ms")).abs() < 0.2);
        // Where everyone hears the votes of fast ballots, the coordinator's place does not matter.
        if leader == client || leader.is_empty() {
            beside.insert((variant.clone(), learning.clone(), client.clone()), ms);
        }
        clients.insert((variant, learning, leader, client), ms);
    }
    let mut compared = 0;
    for ((_, learning, client), multi) in beside.iter().filter(|((variant, ..), _)| variant == "multi") {
        let fast = beside[&("fast".to_owned(), learning.clone(), client.clone())];
        assert!(fast >= *multi, "{learning}, {client}: {fast} and {multi}");
        compared += 1;
    }
    // Five leaders, with the leader alone hearing the votes and with everyone.
    assert_eq!(compared, 10);
    let of = |name: &str| clients.keys().filter(|(variant, ..)| variant == name).count();
    assert_eq!((of("multi"), of("fast")), (2 * 25, 25 + 5));
    assert_eq!(wan.facts.number("home"), wan.facts.number("placements"));
    // By theory and in the simulator, there is a placement where Fast Paxos loses on average, and one where it wins.
    let value = |name: &str| wan.facts.number(name).unwrap_or_else(|| panic!("{name} is a number"));
    for learning in ["alone", "all"] {
        let [lost, won] = ["loss", "win"]
            .map(|which| ["fast", "multi"].map(|variant| value(&format!("{which}_{variant}_{learning}"))));
        assert!(lost[0] > lost[1] && won[0] < won[1], "{learning}: {lost:?} {won:?}");
    }
    for (name, count) in
        [("gains_alone", 512.0), ("gains_all", 35.0), ("loses_alone", 775.0), ("loses_all", 1252.0)]
    {
        assert_eq!(wan.facts.number(name), Some(count), "{name}");
    }
    let placements = table(&wan, "placements");
    for row in 0..placements.rows.len() {
        for (simulated, formula) in [("simulated_multi_ms", "multi_ms"), ("simulated_fast_ms", "fast_ms")] {
            assert!(
                (number(placements, row, simulated) - number(placements, row, formula)).abs() < 0.2,
                "{row}"
            );
        }
    }
}

#[test]
fn a_comparison_over_a_wide_area_has_rows_with_either_learning() {
    let wan = find("wan");
    let latency = table(&wan, "latency");
    let has = |variant: &str, learning: &str| {
        let mut rows = 0..latency.rows.len();
        rows.any(|row| text(latency, row, "variant") == variant && text(latency, row, "learning") == learning)
    };
    for variant in Variant::ALL {
        for learning in [Learning::Everyone, Learning::Distinguished] {
            let runs = variant.placed(Layout::Collapsed, learning).1 == learning;
            assert_eq!(has(variant.name(), &learning.to_string()), runs, "{variant} {learning}");
        }
    }
}

#[test]
fn the_readmes_have_the_numbers_of_the_wide_area() {
    let wan = find("wan");
    let fact = |name: &str| wan.facts.number(name).unwrap_or_else(|| panic!("{name} is a number"));
    for name in ["README.md", "README.ko.md"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        let text = std::fs::read_to_string(path).expect("the README");
        for known in ["multi_alone", "fast_alone", "flexible_alone", "multi_all", "fast_all", "flexible_all"]
        {
            assert!(text.contains(&format!("{:.0} ms", fact(known))), "{name} has not {known}");
        }
        let has = |number: f64| {
            let numbers = text.replace(',', "");
            numbers.split(|c: char| !c.is_ascii_digit()).any(|known| known == number.to_string())
        };
        for known in ["gains_alone", "gains_all", "messages_alone", "messages_all", "of_five"] {
            assert!(has(fact(known)), "{name} has not {known}");
        }
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/experiments.md");
    let page = std::fs::read_to_string(page).expect("the page is beside the crates");
    for variant in ["multi", "fast", "flexible"] {
        let [alone, all] = ["alone", "all"].map(|end| fact(&format!("{variant}_{end}")));
        assert!(page.contains(&format!(" | {alone:.1} ms | {all:.1} ms |")), "{variant}");
    }
    // They also say that with majority fast quorums no client waits longer than with Multi-Paxos.
    let latency = table(&wan, "latency");
    for learning in ["distinguished", "everyone"] {
        let best = |variant: &str| {
            let mine = (0..latency.rows.len()).filter(|row| {
                text(latency, *row, "variant") == variant && text(latency, *row, "learning") == learning
            });
            let mean = |row: &usize| number(latency, *row, "mean_ms");
            let least = mine.clone().map(|row| mean(&row)).fold(f64::INFINITY, f64::min);
            let rows = mine.filter(move |row| mean(row) <= least);
            rows.map(|row| (text(latency, row, "client"), number(latency, row, "latency_ms"))).collect()
        };
        let (multi, flexible): (BTreeMap<String, f64>, BTreeMap<String, f64>) =
            (best("multi"), best("fast, majority fast quorums"));
        assert_eq!(multi.len(), 5);
        assert!(multi.iter().all(|(client, ms)| flexible[client] <= *ms), "{multi:?} {flexible:?}");
    }
}

#[test]
fn constant_delays_without_collisions_are_always_won_by_fast() {
    let found = find("crossover");
    let crossover = table(&found, "crossover");
    let rows = |delays: &'static str| {
        let fast = |row: &usize| text(crossover, *row, "variant") == "fast";
        (0..crossover.rows.len()).filter(fast).filter(move |row| text(crossover, *row, "delays") == delays)
    };
    for row in rows("constant") {
        assert!(number(crossover, row, "won") >= 1.0);
        // Fast Paxos takes two delays instead of three.
        assert!(
            (number(crossover, row, "mean_ms") / number(crossover, row, "multi_mean_ms") - 2.0 / 3.0).abs()
                < 1e-9
        );
    }
    assert_eq!(rows("constant").count(), 5);
    // If the delays vary much, it wins less often than it loses.
    assert!(rows("pareto").chain(rows("log-normal")).any(|row| number(crossover, row, "won") < 0.5));
}

#[test]
fn collision_probabilities_are_within_a_hundredth_of_the_formula() {
    // The standard deviation of 16,000 pairs is 0.0038. Systems without collisions need few pairs.
    for (n, choice, pairs) in
        [(5, QuorumChoice::Majority, 16_000), (5, QuorumChoice::FastFlexible(5, 1, 3), 500)]
    {
        let collided = collide(choice, n, pairs, 1).expect("every command is decided");
        let formula = fast_chance(&*choice.over(NodeSet::first(n)).expect("lawful")).expect("few acceptors");
        let share = collided.undecided as f64 / collided.collisions as f64;
        assert!((share - formula).abs() <= 0.01, "{choice} of {n}: {share}, not {formula}");
    }
}

#[test]
fn duelling_leaders_without_back_off_live_in_lock_and_with_it_decide() {
    let found = find("duel");
    let duels = table(&found, "duels");
    for row in 0..duels.rows.len() {
        let (proposers, undecided) = (number(duels, row, "proposers"), number(duels, row, "undecided"));
        let locks = text(duels, row, "backoff") == "none"
            && text(duels, row, "delays") == "constant"
            && proposers > 2.0;
        assert_eq!(undecided > 0.0, locks, "{:?}", duels.rows[row]);
    }
}

#[test]
fn bad_networks_break_no_invariant_and_no_history() {
    let found = find("loss");
    assert_eq!((found.facts.number("wrong"), found.facts.number("unordered")), (Some(0.0), Some(0.0)));
}

#[test]
fn smaller_phase_2_quorums_serve_more() {
    let found = find("quorums");
    let sizes = table(&found, "sizes");
    let rates: Vec<f64> = (0..sizes.rows.len()).map(|row| number(sizes, row, "rate")).collect();
    assert!(rates.len() == 8 && rates.windows(2).all(|pair| pair[0] > pair[1]), "{rates:?}");
}

#[test]
fn the_page_begins_with_a_headline_of_each_experiment_and_each_figure_has_its_command() {
    let setting = quick();
    let all: Vec<(Experiment, Findings)> =
        ["counts", "crossover"].map(|name| (*named(name).expect("it is there"), make(name))).into();
    let html = page(&all, &setting).expect("a page");
    let (_, after) = html.split_once("<section id=\"summary\">").expect("a summary");
    let (summary, sections) = after.split_once("</section>").expect("its end");
    for (experiment, findings) in &all {
        let headline = experiment.headline(findings);
        assert!(findings.lessons[0].starts_with(headline) && headline.contains('{'), "{headline}");
        let question = format!("<a href=\"#{}\">{}</a>", experiment.name, experiment.question);
        assert!(summary.contains(&question), "{summary}");
        for figure in &findings.figures {
            let (name, figure) = (experiment.name, figure.name);
            let (_, drawn) = sections.split_once(&format!("id=\"{name}-{figure}\"")).expect("a figure");
            let caption = drawn.split("</figure>").next().expect("its caption");
            let repeat = format!("<code>paxos-bench experiment {name} --quick --seed 1 --out results</code>");
            assert!(caption.contains(&repeat) && caption.contains(&format!("results/{name}/{figure}.svg")));
        }
    }
    assert!(summary.matches("<data").count() > 4, "{summary}");
}

#[test]
fn each_mark_says_its_value_and_a_phone_gets_a_picture_of_its_own() {
    let found = find("ablation");
    for figure in &found.figures {
        let titles = |svg: &str| {
            svg.split("<title>").skip(1).map(|t| t.split('<').next().map(str::to_owned)).collect::<Vec<_>>()
        };
        let (wide, narrow) = (titles(&figure.svg.wide), titles(&figure.svg.narrow));
        assert!(wide.len() > 20 && wide == narrow, "{}: {wide:?}", figure.name);
        assert!(
            figure.svg.wide.starts_with("<svg width=\"680\"")
                && figure.svg.narrow.starts_with("<svg width=\"360\"")
        );
    }
    // Bars whose colours look alike in grey print differ in their hatches.
    let steps = &found.figures[0].svg.wide;
    assert!(steps.contains("<title>simple\nsimple\nmessages per command: 22</title>"), "{steps}");
    assert!(steps.contains("\"hatch rising\"") && steps.contains("\"hatch falling\""));
}

/// An experiment that takes almost no time.
fn small() -> (Experiment, Findings) {
    let experiment = *named("counts").expect("an experiment");
    (experiment, make("counts"))
}

#[test]
fn equal_seeds_write_equal_bytes() {
    for name in ["counts", "failover"] {
        let csv = |findings: &Findings| findings.tables().map(Table::csv).collect::<Vec<_>>();
        assert_eq!(csv(&find(name)), csv(&make(name)), "{name}");
    }
}

#[test]
fn the_page_asks_nothing_of_the_network_and_has_one_script_beside_those_of_its_runs() {
    let html = traced::report();
    let elsewhere = html.replace("http://www.w3.org/2000/svg", "");
    assert!(html.len() < 3_000_000 && !elsewhere.contains("://"));
    // Apart from one script of its own, only the runs to step through have scripts. Each of them is a page in a frame that may do
    // nothing else.
    let frames: Vec<&str> = elsewhere.split("<iframe ").skip(1).collect();
    assert_eq!(frames.len(), Variant::ALL.len());
    let mut rest = elsewhere.clone();
    for (frame, variant) in frames.iter().zip(Variant::ALL) {
        let page = frame.split('\'').nth(1).expect("the value of an attribute");
        assert!(frame.contains(" sandbox=\"allow-scripts\" srcdoc='"), "{variant}");
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{variant}");
        assert!(
            page.contains(&format!("\"variant\":\"{variant}\"")) && page.contains("<script>"),
            "{variant}"
        );
        rest = rest.replacen(page, "", 1);
    }
    assert_eq!(rest.matches("<script").count(), 1);
    let (_, script) = rest.split_once("<script>").expect("it has no source and no type");
    for word in ["fetch", "import", "XMLHttpRequest", "WebSocket", "sendBeacon", "src", "eval"] {
        assert!(!script.contains(word), "{word}");
    }
}

#[test]
fn the_table_fits_a_terminal_and_has_the_facts_of_the_sentences() {
    let mut most = 0;
    for name in ["counts", "ablation"] {
        let (experiment, findings) = (*named(name).expect("an experiment"), find(name));
        let shown = |all| render(&experiment, &quick(), &findings, Format::Table, all);
        let (few, all) = (shown(false), shown(true));
        for text in [&few, &all] {
            let wide = text
                .lines()
                .skip_while(|line| !line.starts_with('─'))
                .find(|line| line.chars().count() > 100);
            assert_eq!(wide, None);
        }
        let facts: Vec<String> = findings.facts.table().rows.iter().map(|row| row[0].text()).collect();
        let rows = |text: &str| {
            let has =
                |fact: &&String| text.lines().any(|line| line.trim_start().starts_with(&format!("{fact} ")));
            facts.iter().filter(has).cloned().collect::<Vec<String>>()
        };
        let said =
            |fact: &&String| findings.lessons.iter().any(|lesson| lesson.contains(&format!("{{{fact}}}")));
        assert_eq!(rows(&all), facts);
        assert_eq!(rows(&few), facts.iter().filter(said).cloned().collect::<Vec<String>>());
        let hidden = facts.len() - rows(&few).len();
        assert_eq!(few.contains(&format!("\n{hidden} more facts with --all")), hidden > 0, "{few}");
        assert!(!all.contains("more facts"), "{all}");
        most = most.max(hidden);
    }
    assert!(most > 10, "{most}");
}

#[test]
fn what_is_written_holds_every_parameter_and_the_command_that_repeats_it() {
    let (experiment, findings) = small();
    let json = render(&experiment, &quick(), &findings, Format::Json, false);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["command"], "paxos-bench experiment counts --quick --seed 1");
    assert_eq!((&json["seed"], &json["version"]), (&1.into(), &env!("CARGO_PKG_VERSION").into()));
    assert!(json["parameters"].as_object().is_some_and(|parameters| parameters.len() >= 3));
    assert!(json["tables"]["counts"]["rows"].as_array().is_some_and(|rows| rows.len() > 150));
    let markdown = render(&experiment, &quick(), &findings, Format::Markdown, false);
    assert!(
        markdown.contains("![Messages of one decision") && markdown.contains("](messages.svg)"),
        "{markdown}"
    );
}

#[test]
fn experiments_have_names_of_their_own_and_unknown_ones_are_told_them() {
    let names: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.name).collect();
    assert!(names.iter().enumerate().all(|(i, name)| !names[..i].contains(name)), "{names:?}");
    let error = named("count").expect_err("misspelt").to_string();
    assert!(names.iter().all(|name| error.contains(name)), "{error}");
}

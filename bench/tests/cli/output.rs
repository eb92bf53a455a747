//! The output when there are no errors.

use super::succeeds;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

#[test]
fn without_arguments_all_is_as_predicted() {
    let table = succeeds("");
    for word in ["basic", "simple", "multi", "fast", "contention", "crash", "us-east-1"] {
        assert!(table.contains(word), "no {word} in\n{table}");
    }
    // These signs mark a number that differs from its prediction.
    assert!(!table.contains('✗') && !table.contains('≠'), "{table}");
}

#[test]
fn json_has_the_fields_that_tools_rely_on() {
    let json = succeeds("--format json --acceptors 3,5 --learners 1 --commands 5");
    let rows: Vec<Value> = serde_json::from_str(&json).expect("it is an array");
    let has = |row: &Value, fields: &[&str]| fields.iter().all(|field| row.get(field).is_some());
    let counts: Vec<_> = rows.iter().filter(|row| row.get("messages_by_kind").is_some()).collect();
    let wide: Vec<_> = rows.iter().filter(|row| row.get("latency_ms_by_site").is_some()).collect();
    let faults: Vec<_> = rows.iter().filter(|row| row.get("violations").is_some()).collect();
    assert_eq!(counts.len() + wide.len() + faults.len(), rows.len());
    for row in &counts {
        let fields = [
            "variant",
            "roles",
            "learning",
            "collision",
            "acceptors",
            "learners",
            "messages",
            "predicted_messages",
            "learn_first",
            "learn_last",
            "reply",
            "messages_by_kind",
        ];
        assert!(has(row, &fields), "{row}");
        // For uncoordinated recovery, theory has predictions only if everyone hears the votes.
        let unpredicted = row["collision"] == "uncoordinated" && row["learning"] == "distinguished";
        let predicted = if unpredicted { &Value::Null } else { &row["messages"] };
        assert_eq!(&row["predicted_messages"], predicted, "{row}");
        let kinds = row["messages_by_kind"].as_object().expect("an object");
        let sum: u64 = kinds.values().filter_map(Value::as_u64).sum();
        assert_eq!(Some(sum), row["messages"].as_u64(), "{row}");
    }
    for row in &wide {
        assert!(has(row, &["variant", "sites", "leader", "latency_ms_by_site", "mean_ms"]), "{row}");
        let sites = row["latency_ms_by_site"].as_object().expect("an object");
        let sum: f64 = sites.values().filter_map(Value::as_f64).sum();
        assert!(
            (sum / sites.len() as f64 - row["mean_ms"].as_f64().expect("a number")).abs() < 1e-6,
            "{row}"
        );
    }
    assert!(faults.iter().all(|row| row["violations"] == Value::Array(Vec::new())));
    for variant in ["basic", "simple", "multi", "fast"] {
        for kind in [&counts, &wide, &faults] {
            assert!(kind.iter().any(|row| row["variant"] == variant), "nothing of {variant}");
        }
    }
}

/// The predicted message counts, written out: separate with n=5 and L=3, and collapsed with n=5.
#[test]
fn the_counts_are_those_of_the_papers() {
    let json = succeeds("--format json --acceptors 5 --learners 3 --commands 1");
    let rows: Vec<Value> = serde_json::from_str(&json).expect("it is an array");
    for (variant, collision, first, roles, learning, messages) in [
        ("basic", "none", false, "separate", "everyone", 32),
        ("basic", "none", false, "separate", "distinguished", 25),
        ("basic", "none", false, "collapsed", "everyone", 34),
        ("simple", "none", false, "collapsed", "distinguished", 22),
        ("fast", "uncoordinated", false, "separate", "everyone", 81),
        ("fast", "uncoordinated", false, "collapsed", "everyone", 51),
        ("multi", "none", false, "separate", "everyone", 22),
        ("multi", "none", false, "separate", "distinguished", 15),
        ("multi", "none", false, "collapsed", "everyone", 26),
        ("multi", "none", false, "collapsed", "distinguished", 14),
        ("multi", "none", true, "separate", "everyone", 32),
        ("multi", "none", true, "collapsed", "distinguished", 22),
        ("fast", "none", false, "separate", "everyone", 21),
        ("fast", "none", false, "separate", "distinguished", 14),
        ("fast", "none", false, "collapsed", "everyone", 26),
        ("fast", "none", false, "collapsed", "distinguished", 14),
        ("fast", "coordinated", false, "separate", "everyone", 56),
        ("fast", "coordinated", false, "separate", "distinguished", 29),
        ("fast", "coordinated", false, "collapsed", "everyone", 55),
        ("fast", "coordinated", false, "collapsed", "distinguished", 27),
        ("fast", "classic", false, "separate", "everyone", 66),
        ("fast", "classic", false, "separate", "distinguished", 39),
        ("fast", "classic", false, "collapsed", "everyone", 63),
        ("fast", "classic", false, "collapsed", "distinguished", 35),
    ] {
        let row = rows.iter().find(|row| {
            let is = |field: &str, value: &str| row[field] == value;
            is("variant", variant)
                && is("collision", collision)
                && is("roles", roles)
                && is("learning", learning)
                && row["first_decision"] == first
        });
        let row = row.unwrap_or_else(|| panic!("no row {variant} {collision} {roles} {learning}"));
        assert_eq!(row["messages"], messages, "{row}");
    }
}

#[test]
fn results_go_to_a_directory_whole() {
    let dir = TempDir::new().expect("a directory can be made");
    let out = dir.path().join("a/b");
    let printed = succeeds(&format!(
        "--variants multi --acceptors 3 --commands 1 --format csv --out {}",
        out.display()
    ));
    assert_eq!(fs::read_to_string(out.join("compare.csv")).expect("it is there"), printed);
    let mut names: Vec<_> = fs::read_dir(&out)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    assert_eq!(names, ["compare.csv", "compare.json", "compare.md", "compare.txt"]);
}

#[test]
fn the_explorer_prints_json_for_programs() {
    let listed = |format| succeeds(&format!("explore --list --format {format}"));
    let scenarios: serde_json::Value = serde_json::from_str(&listed("json")).expect("JSON");
    let names: Vec<_> = scenarios.as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert!(names.len() > 10, "{names:?}");
    let table = listed("table");
    assert!(names.iter().all(|name| table.contains(&format!("{}  (", name.as_str().expect("a name")))));
    let dir = TempDir::new().expect("a directory can be made");
    let session = dir.path().join("session.json");
    succeeds(&format!("explore --scenario leader-crash --export {}", session.display()));
    let told = succeeds(&format!("explore --replay {}", session.display()));
    let run = succeeds(&format!("explore --replay {} --format json", session.display()));
    let run: serde_json::Value = serde_json::from_str(&run).expect("JSON");
    let frames = run["frames"].as_array().expect("its events");
    let loud: Vec<_> =
        frames.iter().filter(|frame| !told.contains(frame["text"].as_str().expect("a text"))).collect();
    assert!(frames.len() > 10 && loud.iter().all(|frame| frame["quiet"] == true), "{loud:?}");
    assert!(run["broken"].is_null() && told.contains("No invariant was broken."));
}

#[test]
fn a_drawing_is_the_same_every_time() {
    for args in [
        "draw --variant multi",
        "draw --variant multi --first",
        "draw --variant fast --acceptors 4",
        "draw --variant fast --collision coordinated --format mermaid",
        "draw --variant basic --roles separate --format svg",
    ] {
        let once = succeeds(args);
        assert!(once.lines().count() > 5, "{args}:\n{once}");
        assert_eq!(succeeds(args), once, "{args}");
    }
}

//! Experiments in shards: together they find what one process finds, and a stopped one goes on where it stopped.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The exit code, the standard output and the standard error of a command, whose arguments have no spaces.
fn lab(args: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos-bench"));
    let output = command.args(args.split_whitespace()).output().expect("the binary can be run");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// Runs a command and expects success. Returns what it told on the standard error.
fn succeeds(args: &str) -> String {
    let (code, _, told) = lab(args);
    assert_eq!(code, 0, "{args}: {told}");
    told
}

/// Runs a command and expects that its input is refused with these words.
pub(crate) fn is_refused(args: &str, words: &[&str]) {
    let (code, printed, told) = lab(args);
    assert_eq!((code, printed.as_str()), (2, ""), "{args}: {told}");
    for word in words {
        assert!(told.contains(word), "{args}: no {word:?} in {told}");
    }
}

struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(TempDir::new().expect("a directory can be made"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs each of three shards of `counts`, into `s1`, `s2` and `s3`.
    fn three(&self) {
        for k in 1..=3 {
            succeeds(&format!(
                "experiment counts --quick --shard {k}/3 --out {}",
                self.name(&format!("s{k}"))
            ));
        }
    }

    /// Changes a file.
    fn edit(&self, name: &str, edit: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(self.path(name)).expect("the file is there");
        let edited = edit(text.clone());
        assert_ne!(edited, text, "{name} has what is to be changed");
        fs::write(self.path(name), edited).expect("it can be written");
    }
}

/// The names and contents of the CSV files in a directory.
fn csv(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display()));
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let tables = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "csv"));
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    tables.map(|path| (name(&path), fs::read_to_string(&path).expect("it is text"))).collect()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the file is there");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_same_seed_finds_the_same_in_any_number_of_jobs_and_shards() {
    let dir = Dir::new();
    let [whole, parts, more, merged] = ["whole", "parts", "more", "merged"].map(|name| dir.name(name));
    // The others take longer, and come by their runs in the same way.
    let some = ["counts", "crossover", "failover", "quorums", "wan"];
    for name in some {
        let command = format!("experiment {name} --quick --seed 7");
        succeeds(&format!("{command} --jobs 3 --out {whole}"));
        // Two shards share a directory.
        for (k, jobs, out) in [(1, 1, &parts), (2, 1, &parts), (3, 2, &more)] {
            succeeds(&format!("{command} --shard {k}/3 --jobs {jobs} --out {out}"));
        }
    }
    succeeds(&format!("report {parts} {more} --out {merged}"));
    for name in some {
        let [one, three] = [&whole, &merged].map(|out| csv(&Path::new(out).join(name)));
        assert!(one.len() >= 2 && one == three, "{name}: {:?}", one.keys());
    }
}

#[test]
fn a_stopped_experiment_goes_on_where_it_stopped() {
    let dir = Dir::new();
    let command = format!("experiment counts --quick --jobs 1 --out {}", dir.name("out"));
    assert_eq!(succeeds(&command), "");
    let (tables, all) = (csv(&dir.path("out/counts")), lines(&dir.path("out/counts/runs-1-of-1.jsonl")));
    // The process was stopped in the middle of its eleventh line. The first run has another result than before, so it
    // shows whether the run was made again.
    dir.edit("out/counts/runs-1-of-1.jsonl", |text| {
        let kept: String = text.split_inclusive('\n').take(10).collect();
        let half = &text.lines().nth(10).expect("a line")[..40];
        kept.replacen("\"messages\":", "\"messages\":7000", 1) + half
    });
    let (code, printed, told) = lab(&command);
    assert!(told.starts_with("paxos-bench: 10 results are in "), "{told}");
    // That result is not as its formula says, so the command fails and its sentences say so.
    assert_eq!((code, told.lines().count()), (1, 2), "{told}");
    assert!(told.contains("1 results are not as they must be"), "{told}");
    assert!(printed.contains(", 1 are not equal to it") && !printed.contains("are equal to it"), "{printed}");
    assert_eq!(lines(&dir.path("out/counts/runs-1-of-1.jsonl")).len(), all.len());
    let resumed = csv(&dir.path("out/counts"));
    let differ = |name: &str| {
        let rows = tables[name].lines().zip(resumed[name].lines());
        rows.filter(|(before, after)| before != after).count()
    };
    assert!(differ("counts.csv") == 1 && resumed["counts.csv"].contains(",7000"), "{resumed:?}");
}

#[test]
fn every_line_has_the_parameters_of_its_run() {
    let dir = Dir::new();
    succeeds(&format!("experiment counts --quick --seed 3 --shard 2/3 --out {}", dir.name("out")));
    let lines = lines(&dir.path("out/counts/runs-2-of-3.jsonl"));
    assert!(lines.len() > 50, "{}", lines.len());
    for line in &lines {
        assert_eq!(
            (&line["experiment"], &line["seed"], &line["quick"]),
            (&"counts".into(), &3.into(), &true.into())
        );
        assert_eq!(
            (&line["version"], &line["shard"]),
            (&env!("CARGO_PKG_VERSION").into(), &vec![2, 3].into())
        );
        assert_eq!(line["number"].as_u64().expect("a number") % 3, 1);
        assert!(
            line["run"].as_str().is_some_and(|run| run.contains("acceptors")) && line["result"].is_object()
        );
        assert_eq!(line["round_trips"], "");
    }
}

#[test]
fn shards_that_make_no_whole_are_refused() {
    let dir = Dir::new();
    dir.three();
    let [one, two, three, out] = ["s1", "s2", "s3", "out"].map(|name| dir.name(name));
    is_refused(&format!("report {one} {three} --out {out}"), &["shard 2/3 is missing"]);
    is_refused(
        &format!("report {one} {two} {three} {two} --out {out}"),
        &["shard 2/3 of counts is there twice", &two],
    );
    is_refused(&format!("report {} --out {out}", dir.name("nothing")), &["there are no results in"]);
    succeeds(&format!("experiment counts --quick --seed 2 --shard 2/3 --out {}", dir.name("seed")));
    is_refused(&format!("report {one} {} {three} --out {out}", dir.name("seed")), &["seed 2, not 1"]);
    succeeds(&format!("experiment counts --shard 2/3 --out {}", dir.name("full")));
    is_refused(
        &format!("report {one} {} {three} --out {out}", dir.name("full")),
        &["without --quick, not with"],
    );
    succeeds(&format!("experiment counts --quick --shard 2/4 --out {}", dir.name("four")));
    is_refused(&format!("report {one} {} {three} --out {out}", dir.name("four")), &["one of 4 shards"]);
    let file = "s2/counts/runs-2-of-3.jsonl";
    for (what, own, others) in [("version", "0.1.0", "0.0.9"), ("build", "", "0000")] {
        let text = fs::read_to_string(dir.path(file)).expect("the file is there");
        dir.edit(file, |text| {
            text.replace(&format!("\"{what}\":\"{own}"), &format!("\"{what}\":\"{others}"))
        });
        is_refused(&format!("report {one} {two} {three} --out {out}"), &[&format!("{what} 0"), "not "]);
        fs::write(dir.path(file), text).expect("it can be written");
    }
    assert!(!dir.path("out").exists());
    // The last line is half written.
    dir.edit(file, |text| text[..text.len() - 20].to_owned());
    is_refused(
        &format!("report {one} {two} {three} --out {out}"),
        &["shard 2/3 is not finished, 1 runs of counts"],
    );
    succeeds(&format!("experiment counts --quick --shard 2/3 --out {two}"));
    succeeds(&format!("report {one} {two} {three} --out {out}"));
}

#[test]
fn results_of_another_command_are_neither_used_nor_overwritten() {
    let dir = Dir::new();
    let out = dir.name("out");
    succeeds(&format!("experiment counts --quick --out {out}"));
    let before = fs::read_to_string(dir.path("out/counts/runs-1-of-1.jsonl")).expect("the file is there");
    is_refused(
        &format!("experiment counts --quick --seed 2 --out {out}"),
        &["seed 1, not 2", "discard them with --replace"],
    );
    is_refused(&format!("experiment counts --out {out}"), &["with --quick, not without"]);
    let after = fs::read_to_string(dir.path("out/counts/runs-1-of-1.jsonl")).expect("the file is there");
    assert_eq!(before, after);
    // A damaged line is no result.
    dir.edit("out/counts/runs-1-of-1.jsonl", |text| text.replacen("\"number\"", "\"numb", 1));
    is_refused(&format!("experiment counts --quick --out {out}"), &["line 1 is damaged", "--replace"]);
}

#[test]
fn results_of_another_command_and_damaged_ones_are_replaced_on_request() {
    let dir = Dir::new();
    let [out, fresh] = ["out", "fresh"].map(|name| dir.name(name));
    let file = "out/counts/runs-1-of-1.jsonl";
    succeeds(&format!("experiment counts --quick --seed 2 --out {out}"));
    assert_eq!(succeeds(&format!("experiment counts --quick --replace --out {out}")), "");
    succeeds(&format!("experiment counts --quick --out {fresh}"));
    // Threads finish in any order.
    let sorted = |name: &str| {
        let mut lines = lines(&dir.path(name));
        lines.sort_by_key(|line| line["number"].as_u64());
        lines
    };
    assert_eq!(sorted(file), sorted("fresh/counts/runs-1-of-1.jsonl"));
    assert_eq!(csv(&dir.path("out/counts")), csv(&dir.path("fresh/counts")));
    for (what, change) in [("build", "\"build\":\"x"), ("a line in the middle", "\"bui")] {
        dir.edit(file, |text| text.replacen("\"build\":\"", change, 7));
        is_refused(&format!("experiment counts --quick --out {out}"), &["--replace"]);
        assert_eq!(succeeds(&format!("experiment counts --quick --replace --out {out}")), "", "{what}");
        assert_eq!(sorted(file), sorted("fresh/counts/runs-1-of-1.jsonl"), "{what}");
    }
    // Its own results stay, and nothing is discarded without a directory.
    let told = succeeds(&format!("experiment counts --quick --replace --out {out}"));
    assert!(told.contains("results are in"), "{told}");
    is_refused("experiment counts --quick --replace", &["--out"]);
    is_refused(&format!("report {out} --replace"), &["--replace", "cannot be used with"]);
}

#[test]
fn experiments_of_different_numbers_of_shards_make_one_report_and_a_misspelt_directory_none() {
    let dir = Dir::new();
    let [results, page] = ["results", "page"].map(|name| dir.name(name));
    succeeds(&format!("experiment counts --quick --out {results}"));
    for k in 1..=2 {
        succeeds(&format!("experiment quorums --quick --shard {k}/2 --out {results}"));
    }
    let misspelt = dir.name("resluts");
    is_refused(&format!("report {results} {misspelt} --out {page}"), &["no results in", &misspelt]);
    succeeds(&format!("report {results} --out {page}"));
    assert!(dir.path("page/counts").is_dir() && dir.path("page/quorums").is_dir());
    fs::remove_file(dir.path("results/quorums/runs-2-of-2.jsonl")).expect("it is there");
    is_refused(&format!("report {results} --out {page}"), &["shard 2/2 is missing"]);
}

#[test]
fn a_page_of_another_builds_results_says_so_if_they_do_not_fit() {
    let dir = Dir::new();
    let [results, page] = ["results", "page"].map(|name| dir.name(name));
    let file = "results/counts/runs-1-of-1.jsonl";
    succeeds(&format!("experiment counts --quick --out {results}"));
    dir.edit(file, |text| text.replace("\"build\":\"", "\"build\":\"x"));
    succeeds(&format!("report {results} --out {page}"));
    dir.edit(file, |text| text.replacen("acceptors", "akzeptoren", 1));
    is_refused(&format!("report {results} --out {page}"), &["another build has made", "with that build"]);
    dir.edit(file, |text| text.lines().skip(1).map(|line| line.to_owned() + "\n").collect());
    is_refused(&format!("report {results} --out {page}"), &["1 runs of counts are missing", "another build"]);
}

#[test]
#[cfg(unix)]
fn a_file_that_cannot_grow_stops_the_experiment_and_a_directory_may_have_spaces() {
    let dir = Dir::new();
    let out = dir.path("my results");
    let run = |limit: &str, shard: &str| {
        let script = format!(
            "trap '' XFSZ; ulimit -f {limit}; exec \"$0\" experiment counts --quick --shard {shard} --out \"$1\""
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_paxos-bench")]).arg(&out);
        let output = command.output().expect("there is a shell");
        let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, printed, told) = run("8", "1/2");
    assert_eq!((code, printed.as_str()), (Some(2), ""), "{told}");
    assert!(told.contains("cannot write") && told.contains("runs-1-of-2.jsonl"), "{told}");
    // With room again, it goes on where it stopped, and its last word can be pasted into a shell.
    let (code, printed, told) = run("unlimited", "1/2");
    assert!(code == Some(0) && told.contains("results are in"), "{told}");
    assert!(printed.contains(&format!("paxos-bench report '{}' …", out.display())), "{printed}");
    run("unlimited", "2/2");
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos-bench"));
    let report = command.arg("report").arg(&out).arg("--out").arg(dir.path("my page"));
    assert!(report.output().expect("the binary can be run").status.success());
    assert!(dir.path("my page/report.html").is_file());
}

#[test]
fn a_shard_is_one_of_n_and_needs_a_directory() {
    let dir = Dir::new();
    let out = dir.name("out");
    for shard in ["0/3", "4/3", "3", "1/0", "a/b"] {
        is_refused(&format!("experiment counts --quick --shard {shard} --out {out}"), &["give K/N"]);
    }
    is_refused("experiment counts --quick --shard 1/3", &["--out"]);
    is_refused(&format!("report {out} --seed 2"), &["--seed", "cannot be used with"]);
    assert!(!dir.path("out").exists());
}

//! The command `versus` with only its floor, so that no other system has to be installed.

use crate::harness::cluster::signal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

fn versus(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos-bench"));
    command.args(["versus", "--format", "json", "--seconds", "0.3", "--data"]).arg(data).args(arguments);
    // Neither etcd nor Redis is in this PATH.
    command.env("PATH", data).env("PAXOS_REQUIREPASS", "for others");
    command
}

/// The number of processes with this directory on their command lines; 0 if the system does not show it.
fn processes(data: &Path) -> usize {
    let name = data.to_str().expect("text").as_bytes();
    let Ok(all) = std::fs::read_dir("/proc") else { return 0 };
    let lines = all.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines.filter(|line| line.windows(name.len()).any(|part| part == name)).count()
}

fn nothing_is_left(data: &Path) {
    assert_eq!(std::fs::read_dir(data).expect("it is there").count(), 0);
    let begun = Instant::now();
    // Members notice by themselves that their parent process is gone.
    while processes(data) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "something still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_cluster_is_measured_beside_the_floor_and_nothing_is_left() {
    let dir = tempfile::tempdir().expect("a directory");
    let done = versus(dir.path(), &["--clients", "1,8", "--rounds", "1"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!((done.status.code(), &*said), (Some(0), ""));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("a report");
    let names = |list: &str| {
        let list = report[list].as_array().expect("a list").iter();
        list.map(|one| one["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("started"), ["cluster", "floor"]);
    assert_eq!(names("missing"), ["etcd", "redis"]);
    let measured = report["measured"].as_array().expect("a list");
    assert_eq!(measured.len(), 4, "two systems with one and with eight clients");
    for one in measured {
        assert!(one["answered"].as_u64() > Some(0) && one["failed"] == 0, "{one}");
    }
    for point in report["points"].as_array().expect("a list") {
        let ratio = &point["ratios"][0];
        assert!(ratio["to"] == "floor" && ratio["per_second"]["median"].as_f64() > Some(0.0), "{point}");
    }
    nothing_is_left(dir.path());
}

#[test]
fn one_that_is_told_to_stop_leaves_nothing_behind() {
    use rustix::process::Signal;
    for told in [Signal::INT, Signal::TERM, Signal::HUP] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = versus(dir.path(), &["--clients", "2", "--rounds", "1000"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        // The floor is started last.
        let home = || std::fs::read_dir(dir.path()).expect("it is there").next();
        let begun = Instant::now();
        while !home().is_some_and(|home| home.expect("an entry").path().join("floor").exists()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        signal(child.id(), told);
        let done = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.starts_with("paxos-bench: stopped") && said.lines().count() == 1, "{said}");
        assert!(done.stdout.is_empty());
        nothing_is_left(dir.path());
    }
}

//! Tests of the lab's binary: its output, its files and its exit codes.

mod checker;
mod input;
mod linearize;
#[cfg(unix)]
mod lost;
mod output;
mod quorums;
mod servers;
mod stores;
mod traces;

use std::ffi::OsStr;
use std::process::{Command, Output};

/// Runs the binary with these arguments.
fn lab<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos-bench"));
    command.args(args).output().expect("the binary can be run")
}

/// Runs the binary with arguments that contain no spaces, and expects success.
fn succeeds(args: &str) -> String {
    let output = lab(args.split_whitespace());
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args}: {stderr}");
    assert_eq!(stderr, "", "{args}");
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it prints UTF-8")
}

//! Output to a closed pipe or a full device.

use super::text;

use std::process::{Command, Output, Stdio};

const PRINTING: [&str; 7] = [
    "compare --variants multi --acceptors 3 --commands 1",
    "simulate --commands 1",
    "simulate --commands 1 --draw svg",
    "quorums --acceptors 3",
    "draw",
    "draw --help",
    "--version",
];

fn lab(args: &str, out: impl Into<Stdio>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paxos-bench"));
    command.args(args.split(' ')).stdout(out).output().expect("the binary can be run")
}

#[cfg(target_os = "linux")]
fn full() -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open("/dev/full").expect("it is there")
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_no_disk_takes_are_no_success() {
    for args in PRINTING {
        let output = lab(args, full());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args}: {stderr}");
        assert!(stderr.contains("cannot be written to the standard output"), "{args}: {stderr}");
    }
    let output = lab("simulate --commands 1 --trace-out /dev/full", Stdio::piped());
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("/dev/full"), "{}", text(&output.stderr));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for args in PRINTING {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = lab(args, writer);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{args}");
    }
}

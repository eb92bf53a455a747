//! The command line of `linearize`.

use crate::load::Form;
use clap::Args;
use std::path::PathBuf;

/// The end of the command's help text.
pub const HELP: &str = r#"
A history is a file of JSON lines, one for each operation: the client, the operation, the key, the result, and the times of
the call and the answer (docs/history-format.md). It is linearizable if each operation can be assigned one moment between its
call and its answer, so that the operations, done one by one in that order, give the answers that were seen. An operation that
was never answered may have taken effect at any moment after its call, or never. Keys have no value at first.

For example, this history:
  {"c":1,"op":"put","k":"x","v":"a","from":null,"out":null,"ok":true,"t0":10,"t1":20}
  {"c":1,"op":"put","k":"x","v":"b","from":null,"out":null,"ok":true,"t0":30,"t1":40}
  {"c":2,"op":"get","k":"x","v":null,"from":null,"out":"a","ok":null,"t0":50,"t1":60}

has a read of a value that was overwritten before the read began:
  key x: 3 of its 3 operations contradict each other. Each is needed: had any one taken effect at another
  moment, or not at all, the rest would have an order.
    line 1  client 1  put "a"     [--]
    line 2  client 1  put "b"           [--]
    line 3  client 2  get -> "a"              [--]

If the third operation began at 35, the history would be linearizable, because the third and the second would overlap.

Examples:
  paxos-bench load --workload register --keys 8 --value-size 8 --clients 12 --prefix run1 --history-out run1.jsonl
  paxos-bench linearize run1.jsonl
  zcat old.jsonl.gz | paxos-bench linearize - --format json

Exit codes: 0 the history is linearizable, 1 it is not or no order was found within --memory, 2 the command line or the file
is wrong, or no operation in the file was answered."#;

/// Which history to check.
#[derive(Debug, Args)]
pub struct Linearize {
    /// The file with the history, or - for the standard input
    pub file: PathBuf,
    /// How many MiB the search of one key may use before it gives up
    #[arg(long, default_value_t = 1024, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub memory: u32,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Form::Table)]
    pub format: Form,
}

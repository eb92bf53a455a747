//! What the server says about its commands and its settings.

use super::super::Front;
use super::super::table::{COMMANDS, Spec, find};
use super::wrong_number;
use crate::kv::{Budget, Reply};

pub(super) fn command(words: &[&[u8]]) -> Reply {
    let describe = |spec: &Spec| {
        let (first, last, step) = spec.keys;
        let flags = spec.flags.iter().map(Reply::text).collect();
        let mut parts = vec![Reply::text(spec.name), Reply::Int(spec.arity), Reply::Array(flags)];
        parts.extend([first, last, step].map(Reply::Int));
        Reply::Array(parts)
    };
    match words {
        [] => Reply::Array(COMMANDS.iter().map(describe).collect()),
        [verb] if verb.eq_ignore_ascii_case(b"count") => Reply::number(COMMANDS.len()),
        [verb] if verb.eq_ignore_ascii_case(b"info") => command(&[]),
        [verb, names @ ..] if verb.eq_ignore_ascii_case(b"info") => {
            Reply::Array(names.iter().map(|name| find(name).map_or(Reply::NilArray, describe)).collect())
        }
        [verb, ..] if verb.eq_ignore_ascii_case(b"docs") => Reply::Map(Vec::new()),
        _ => Reply::refused("ERR unknown subcommand of 'command': use COUNT, DOCS or INFO"),
    }
}

pub(super) fn config(words: &[&[u8]], front: &Front) -> Result<Reply, String> {
    let [verb, patterns @ ..] = words else { return Err(wrong_number("config")) };
    if !verb.eq_ignore_ascii_case(b"get") || patterns.is_empty() {
        return Err(
            "ERR only CONFIG GET is supported: settings are on the command line and in the cluster's file"
                .into(),
        );
    }
    let patterns: Vec<Vec<u8>> = patterns.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
    let (mut budget, mut found) = (Budget::default(), Vec::new());
    for (name, value) in front.config() {
        for pattern in &patterns {
            if budget.matches(Some(pattern), name.as_bytes()).map_err(|fault| fault.to_string())? {
                found.push((Reply::text(name), Reply::text(value)));
                break;
            }
        }
    }
    Ok(Reply::Map(found))
}

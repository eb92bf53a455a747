//! What the benches without criterion understand of its command line.

/// The arguments of a bench.
#[derive(Debug)]
pub struct Arguments {
    /// Whether to see that it runs instead of measuring (`--test`).
    pub quick: bool,
    filter: String,
}

impl Arguments {
    /// Those of this process.
    pub fn read() -> Self {
        let given: Vec<String> = std::env::args().skip(1).collect();
        let filter = given.iter().find(|a| !a.starts_with('-')).cloned().unwrap_or_default();
        Self { quick: given.iter().any(|a| a == "--test"), filter }
    }

    /// Whether the measurement of this name is wanted. A filter is a part of a name, or with `$` its end.
    pub fn select(&self, name: &str) -> bool {
        match self.filter.strip_suffix('$') {
            Some(end) => name.ends_with(end),
            None => name.contains(&self.filter),
        }
    }
}

//! The part of criterion's command line that the benches without criterion understand.

/// The arguments of a bench.
#[derive(Debug)]
pub struct Arguments {
    /// Whether to check only that the bench runs, without measuring (`--test`).
    pub quick: bool,
    filter: String,
}

impl Arguments {
    /// Reads the arguments of this process.
    pub fn read() -> Self {
        let given: Vec<String> = std::env::args().skip(1).collect();
        let filter = given.iter().find(|a| !a.starts_with('-')).cloned().unwrap_or_default();
        Self { quick: given.iter().any(|a| a == "--test"), filter }
    }

    /// Whether there is a filter.
    pub fn chooses(&self) -> bool {
        !self.filter.is_empty()
    }

    /// Whether to run the measurement of this name. A filter is a part of the name, or with `$` its end.
    pub fn select(&self, name: &str) -> bool {
        match self.filter.strip_suffix('$') {
            Some(end) => name.ends_with(end),
            None => name.contains(&self.filter),
        }
    }
}

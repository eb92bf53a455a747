//! The server processes: starts them, watches them, and stops them however the run ends.

use super::VersusError;
use super::home::Home;
use core::time::Duration;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, timeout, timeout_at};

/// How long this project's processes may take to stop before they are killed. A cluster gives its members 10 s.
const STOP: Duration = Duration::from_secs(15);

/// The number of log lines that are shown when a server fails.
const LAST_LINES: usize = 5;

/// The number of bytes at the end of a server's log that are searched for them.
const LAST_BYTES: u64 = 16 << 10;

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

impl Line {
    pub(super) fn new(program: &Path, arguments: &[&str]) -> Self {
        Self {
            program: program.to_owned(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    /// The command line as typed into a shell, with the program's name without its path.
    pub(super) fn show(&self) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,".contains(&byte);
        let quote = |word: &str| {
            let is_plain = !word.is_empty() && word.bytes().all(plain);
            if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
        };
        let name =
            self.program.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let words: Vec<String> =
            [quote(&name)].into_iter().chain(self.arguments.iter().map(|word| quote(word))).collect();
        words.join(" ")
    }
}

#[derive(Debug)]
struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// Whether it is one of this project's processes, which may have started others.
    ours: bool,
}

/// All running servers.
#[derive(Debug)]
pub(super) struct Processes<'h> {
    running: Vec<Process>,
    home: &'h Home,
}

impl<'h> Processes<'h> {
    pub(super) fn new(home: &'h Home) -> Self {
        Self { running: Vec::new(), home }
    }

    pub(super) fn home(&self) -> &'h Home {
        self.home
    }

    /// Starts a server of another project. Its output goes to a file.
    pub(super) fn start(&mut self, name: &'static str, line: &Line) -> Result<(), VersusError> {
        self.spawn(name, line, None).map(drop)
    }

    /// Starts a process of this project. Its standard output reports when it is ready.
    pub(super) fn start_ours(
        &mut self,
        name: &'static str,
        line: &Line,
    ) -> Result<Lines<BufReader<ChildStdout>>, VersusError> {
        let out = self.spawn(name, line, Some(Stdio::piped()))?;
        let out = out.ok_or_else(|| io::Error::other("a process has no standard output"))?;
        Ok(BufReader::new(out).lines())
    }

    fn spawn(
        &mut self,
        name: &'static str,
        line: &Line,
        out: Option<Stdio>,
    ) -> Result<Option<ChildStdout>, VersusError> {
        let log = self.home.path().join(format!("{name}.{}.log", self.running.len()));
        let said = File::create(&log)?;
        let mut command = Command::new(&line.program);
        command.args(&line.arguments).current_dir(self.home.path()).kill_on_drop(true);
        // This project's processes stop when their standard input ends, even if this process is killed.
        command.stdin(Stdio::piped()).stderr(said.try_clone()?).stdout(out.unwrap_or_else(|| said.into()));
        for (variable, _) in std::env::vars_os() {
            if is_setting(&variable.to_string_lossy()) {
                command.env_remove(variable);
            }
        }
        // Ctrl-C in a terminal goes to this process only, which stops the others.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| {
            let why = format!("{}: {error}; check that it can be run", line.program.display());
            VersusError::Start { name, why }
        })?;
        let out = child.stdout.take();
        self.running.push(Process { name, child, log, ours: out.is_some() });
        Ok(out)
    }

    /// # Errors
    /// Names a process that has ended, with the end of its log.
    pub(super) fn all_run(&mut self) -> Result<(), VersusError> {
        for Process { name, child, log, .. } in &mut self.running {
            if let Some(status) = child.try_wait()? {
                return Err(VersusError::Died { name, status, said: last_words(log)? });
            }
        }
        Ok(())
    }

    /// Waits briefly for a process that seems to have ended.
    pub(super) async fn ended(&mut self, name: &str) {
        for process in self.running.iter_mut().filter(|process| process.name == name) {
            // If it still runs, the caller reports that.
            _ = timeout(Duration::from_secs(1), process.child.wait()).await;
        }
    }

    /// Stops all servers. Their data is discarded, so servers of other projects are killed: etcd takes seconds to stop.
    pub(super) async fn stop(&mut self) {
        for process in &mut self.running {
            process.end();
        }
        let end = Instant::now() + STOP;
        for process in &mut self.running {
            // Waiting also closes the standard input.
            if timeout_at(end, process.child.wait()).await.is_err() {
                // A process that cannot be killed has already ended.
                _ = process.child.kill().await;
            }
        }
        self.running.clear();
    }
}

impl Process {
    /// Asks or forces the process to end. If that fails, it has already ended, or is killed later.
    fn end(&mut self) {
        #[cfg(unix)]
        if self.ours {
            use rustix::process::{Pid, Signal, kill_process};
            let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid {
                _ = kill_process(pid, Signal::TERM);
            }
            return;
        }
        _ = self.child.start_kill();
    }
}

/// Whether an environment variable could change a server's settings.
fn is_setting(variable: &str) -> bool {
    let etcd = variable.starts_with("ETCD_") && variable != "ETCD_UNSUPPORTED_ARCH";
    etcd || variable.starts_with("PAXOS_") || variable == "RUST_LOG"
}

/// The last lines of a process's log.
fn last_words(log: &Path) -> io::Result<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES)))?;
    let mut said = Vec::new();
    file.take(LAST_BYTES).read_to_end(&mut said)?;
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    Ok(last.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
}

/// Returns the path of a program if it is on the PATH.
pub(super) fn on_path(program: &str) -> Option<PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH")?;
    // The process runs in another directory, so relative paths are made absolute.
    let files = std::env::split_paths(&path).map(|directory| directory.join(&name));
    files.filter(|file| file.is_file()).find_map(|file| std::path::absolute(file).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_given_to_a_shell() {
        let line = Line::new(Path::new("/usr/bin/redis-server"), &["--save", "", "--dir", "/a b/it's"]);
        assert_eq!(line.show(), r"redis-server --save '' --dir '/a b/it'\''s'");
    }

    #[test]
    fn settings_from_the_environment_do_not_reach_the_servers() {
        for variable in ["ETCD_NAME", "PAXOS_REQUIREPASS", "RUST_LOG"] {
            assert!(is_setting(variable), "{variable}");
        }
        for variable in ["PATH", "HOME", "ETCD_UNSUPPORTED_ARCH"] {
            assert!(!is_setting(variable), "{variable}");
        }
    }

    #[test]
    fn last_words_are_the_last_lines() {
        let dir = tempfile::tempdir().expect("a directory");
        let log = dir.path().join("log");
        let lines: Vec<String> = (0..10_000).map(|nth| format!("line {nth}")).collect();
        std::fs::write(&log, lines.join("\n")).expect("written");
        let said = last_words(&log).expect("read");
        assert!(said.starts_with("  line 9995\n") && said.ends_with("  line 9999"), "{said}");
    }
}

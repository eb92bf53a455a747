//! The state of one connection, and the meaning of its requests.

mod about;
mod watched;

use super::Front;
use super::control::Begun;
use super::operation::operation;
use super::table::{Control, Group, Spec, Verb, find};
use super::unsupported::refusal;
use crate::kv::{Op, Ops, Raw, Reply, Word, integer};
use crate::server::resp::Version;
use about::{command, config};
use std::sync::Arc;
use watched::Watched;

/// The longest name of a connection, in bytes.
const LONGEST_NAME: usize = 256;

/// The most operations in a transaction, because each has an answer.
const MOST_QUEUED: usize = 1 << 18;

/// What to do with a request.
#[derive(Debug)]
pub(super) enum Step {
    /// The request is answered at once.
    Answer(Reply),
    /// The request became an operation, the last of those that wait.
    Waits,
    /// The request waits until all earlier ones are done; [`super::control`] then executes it.
    Control(Control, Vec<Box<[u8]>>),
}

/// The operations between MULTI and EXEC.
#[derive(Debug, Default)]
struct Transaction {
    ops: Ops,
    /// Whether a request in the transaction was refused, so that it will not be executed.
    broken: bool,
}

impl Transaction {
    fn break_off(&mut self) {
        // The operations will not be executed, so they need no memory.
        *self = Self { ops: Ops::default(), broken: true };
    }

    /// Queues an operation whose request has this many bytes.
    fn queue(&mut self, op: &Op<'_>, bytes: usize, most: usize) -> Result<Step, String> {
        if self.ops.bytes().len() + bytes > most || self.ops.count() >= MOST_QUEUED {
            return Err("ERR the transaction is too long".into());
        }
        if !self.broken {
            self.ops.push(op);
        }
        Ok(Step::Answer(Reply::Word(Word::Queued)))
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    front: Arc<Front>,
    id: u64,
    address: String,
    name: String,
    known: bool,
    version: Version,
    transaction: Option<Transaction>,
    watched: Watched,
    /// The backup that this connection is receiving.
    pub(super) backup: Option<Begun>,
    closing: bool,
}

impl Session {
    pub(super) fn new(front: Arc<Front>, id: u64, address: String) -> Self {
        let known = front.settings.password.is_none();
        Self {
            front,
            id,
            address,
            name: String::new(),
            known,
            version: Version::Two,
            transaction: None,
            watched: Watched::default(),
            backup: None,
            closing: false,
        }
    }

    /// Whether the client may make any request.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Whether the client asked to close the connection.
    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// The memory that its client makes it keep, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let queued = self.transaction.as_ref().map_or(0, |transaction| transaction.ops.bytes().len());
        queued + self.watched.bytes() + self.name.len()
    }

    /// Drops its transaction and its watched keys.
    pub(super) fn forget(&mut self) {
        self.transaction = None;
        self.watched = Watched::default();
    }

    /// Records the versions of watched keys.
    ///
    /// # Errors
    /// If the keys are too many. Some of the new ones may be watched then.
    pub(super) fn watch(&mut self, seen: impl IntoIterator<Item = (Box<[u8]>, u64)>) -> Result<(), String> {
        let most = self.front.settings.bounds.request;
        let fits = seen.into_iter().all(|(key, version)| self.watched.add(key, version, most));
        if fits { Ok(()) } else { Err(format!("ERR a connection watches keys of {most} bytes at most")) }
    }

    /// Processes a request; `waiting` holds the operations that wait.
    pub(super) fn take(&mut self, words: &[&[u8]], waiting: &mut Ops) -> Step {
        let [name, words @ ..] = words else { return Step::Answer(Reply::Nil) };
        let spec = find(name);
        let free = [Control::Auth, Control::Hello, Control::Quit, Control::Reset].map(Group::Server);
        if !self.known && !spec.is_some_and(|spec| free.contains(&spec.group)) {
            return Step::Answer(Reply::refused("NOAUTH Authentication required."));
        }
        let step = match spec {
            None => Err(refusal(name).unwrap_or_else(|| unknown(name, words))),
            Some(spec) if !spec.takes(words.len() + 1) => Err(wrong_number(spec.name)),
            Some(Spec { group: Group::Store(verb), .. }) => self.store(*verb, words, waiting),
            Some(Spec { group: Group::Server(control), name, .. }) => {
                self.control(*control, name, words, waiting)
            }
        };
        step.unwrap_or_else(|text| {
            if let Some(transaction) = &mut self.transaction {
                transaction.break_off();
            }
            Step::Answer(Reply::refused(text))
        })
    }

    fn store(&mut self, verb: Verb, words: &[&[u8]], waiting: &mut Ops) -> Result<Step, String> {
        let op = match operation(verb, words) {
            // The argument count of a subcommand is checked at once, like that of a command.
            Err(text) if matches!(verb, Verb::Object) => return Err(text),
            op => op,
        };
        if let Some(transaction) = &mut self.transaction {
            // As in Redis, the error appears in place of the answer, and the rest of the transaction is executed.
            let text = op.as_ref().err().cloned().unwrap_or_default();
            let op = op.unwrap_or(Op::Refuse { text: Raw(text.as_bytes()), unless_absent: None });
            let bytes = words.iter().map(|word| word.len()).sum::<usize>() + text.len();
            return transaction.queue(&op, bytes, self.front.settings.bounds.request);
        }
        let op = op?;
        // An answer that does not depend on the state does not need the store.
        Ok(if let Op::Nothing = op {
            Step::Answer(Reply::Ok)
        } else if let Op::Echo(text) = op {
            Step::Answer(text.map_or(Reply::Pong, |text| Reply::Bulk(text.0.into())))
        } else {
            waiting.push(&op);
            Step::Waits
        })
    }

    fn control(
        &mut self,
        control: Control,
        name: &str,
        words: &[&[u8]],
        waiting: &mut Ops,
    ) -> Result<Step, String> {
        if let (Some(transaction), Control::Unwatch) = (&mut self.transaction, control) {
            // As in Redis, it comes too late for this transaction, and EXEC ends all watches.
            return transaction.queue(&Op::Nothing, 0, self.front.settings.bounds.request);
        }
        let in_transaction = [Control::Exec, Control::Discard, Control::Multi, Control::Quit, Control::Reset];
        if self.transaction.is_some() && !in_transaction.contains(&control) {
            return Err(if control == Control::Watch {
                "ERR WATCH inside MULTI is not allowed".into()
            } else {
                format!("ERR '{name}' is not allowed in transactions")
            });
        }
        Ok(Step::Answer(match control {
            Control::Auth => self.auth(words)?,
            Control::Client => self.client(words)?,
            Control::Command => command(words),
            Control::Config => config(words, &self.front)?,
            Control::Discard => {
                self.transaction.take().ok_or("ERR DISCARD without MULTI")?;
                self.watched = Watched::default();
                Reply::Ok
            }
            Control::Exec => return self.exec(waiting),
            Control::Hello => self.hello(words)?,
            Control::Multi => {
                if self.transaction.is_some() {
                    // As in Redis, the transaction continues.
                    return Ok(Step::Answer(Reply::refused("ERR MULTI calls can not be nested")));
                }
                self.transaction = Some(Transaction::default());
                Reply::Ok
            }
            Control::Quit => {
                self.closing = true;
                Reply::Ok
            }
            Control::Reset => {
                *self = Self::new(Arc::clone(&self.front), self.id, std::mem::take(&mut self.address));
                Reply::Word(Word::Reset)
            }
            Control::Unwatch => {
                self.watched = Watched::default();
                Reply::Ok
            }
            Control::Info | Control::Paxos | Control::Role | Control::Wait | Control::Watch => {
                return Ok(Step::Control(control, words.iter().map(|word| (*word).into()).collect()));
            }
        }))
    }

    /// Turns a transaction into one operation, with its watched keys.
    fn exec(&mut self, waiting: &mut Ops) -> Result<Step, String> {
        let Some(Transaction { ops, broken }) = self.transaction.take() else {
            return Err("ERR EXEC without MULTI".into());
        };
        let watched = std::mem::take(&mut self.watched);
        if broken {
            return Err("EXECABORT Transaction discarded because of previous errors.".into());
        }
        let watched = watched.iter().map(|(key, version)| (Raw(key), version)).collect();
        waiting.push(&Op::Exec { watched, ops: Raw(ops.bytes()) });
        Ok(Step::Waits)
    }

    fn auth(&mut self, words: &[&[u8]]) -> Result<Reply, String> {
        let (user, given) = match words {
            [given] => (b"default".as_slice(), given),
            [user, given] => (*user, given),
            _ => return Err(wrong_number("auth")),
        };
        let Some(password) = &self.front.settings.password else {
            return Err(
                "ERR AUTH <password> called without any password configured for the default user. Are \
                        you sure your configuration is correct?"
                    .into(),
            );
        };
        // The comparison takes the same time however much of the password is right.
        let differs = given.iter().zip(password.bytes().cycle()).fold(0, |sum, (a, b)| sum | (a ^ b));
        if differs == 0 && given.len() == password.len() && user == b"default" {
            self.known = true;
            return Ok(Reply::Ok);
        }
        Err("WRONGPASS invalid username-password pair or user is disabled.".into())
    }

    fn hello(&mut self, words: &[&[u8]]) -> Result<Reply, String> {
        let version = match words.first().map(|word| integer(word)) {
            None => self.version,
            Some(Some(2)) => Version::Two,
            Some(Some(3)) => Version::Three,
            Some(Some(_)) => return Err("NOPROTO unsupported protocol version".into()),
            Some(None) => return Err("ERR Protocol version is not an integer or out of range".into()),
        };
        let mut named = None;
        let mut options = words.get(1..).unwrap_or_default();
        loop {
            options = match options {
                [] => break,
                [auth, user, password, rest @ ..] if auth.eq_ignore_ascii_case(b"auth") => {
                    self.auth(&[user, password])?;
                    rest
                }
                [word, name, rest @ ..] if word.eq_ignore_ascii_case(b"setname") => {
                    named = Some(valid_name(name)?);
                    rest
                }
                _ => return Err("ERR Syntax error in HELLO".into()),
            };
        }
        if !self.known {
            return Err("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
                        <proto> AUTH <user> <pass> option can be used to authenticate the client and select the \
                        RESP protocol version at the same time"
                .into());
        }
        self.version = version;
        if let Some(name) = named {
            self.name = name;
        }
        let number = if version == Version::Two { 2 } else { 3 };
        let pair = |name: &str, value| (Reply::text(name), value);
        Ok(Reply::Map(vec![
            pair("server", Reply::text("redis")),
            pair("version", Reply::text(crate::server::REDIS_VERSION)),
            pair("proto", Reply::Int(number)),
            pair("id", Reply::Int(self.id.cast_signed())),
            pair("mode", Reply::text("standalone")),
            pair("role", Reply::text("master")),
            pair("modules", Reply::Array(Vec::new())),
        ]))
    }

    fn client(&mut self, words: &[&[u8]]) -> Result<Reply, String> {
        let [verb, words @ ..] = words else { return Err(wrong_number("client")) };
        let line = |session: &Self| {
            format!("id={} addr={} name={} db=0\n", session.id, session.address, session.name)
        };
        Ok(match (verb.to_ascii_uppercase().as_slice(), words) {
            (b"ID", []) => Reply::Int(self.id.cast_signed()),
            (b"GETNAME", []) => Reply::text(&self.name),
            (b"SETNAME", [name]) => {
                self.name = valid_name(name)?;
                Reply::Ok
            }
            (b"INFO" | b"LIST", _) => Reply::text(line(self)),
            (b"SETINFO", [_, _]) | (b"NO-EVICT" | b"NO-TOUCH", [_]) => Reply::Ok,
            (verb, _) => {
                return Err(format!(
                    "ERR unknown subcommand or wrong number of arguments for '{}'",
                    verb.escape_ascii()
                ));
            }
        })
    }
}

/// A name for a connection.
fn valid_name(name: &[u8]) -> Result<String, String> {
    if name.len() > LONGEST_NAME {
        return Err(format!("ERR Client names have at most {LONGEST_NAME} bytes"));
    }
    if !name.iter().all(u8::is_ascii_graphic) {
        return Err("ERR Client names cannot contain spaces, newlines or special characters.".into());
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}

fn wrong_number(name: &str) -> String {
    format!("ERR wrong number of arguments for '{name}' command")
}

fn unknown(name: &[u8], words: &[&[u8]]) -> String {
    let short = |word: &[u8]| word.get(..word.len().min(64)).unwrap_or_default().escape_ascii().to_string();
    let words: Vec<String> = words.iter().take(8).map(|word| format!("'{}' ", short(word))).collect();
    format!("ERR unknown command '{}', with args beginning with: {}", short(name), words.concat())
}

#[cfg(test)]
mod tests;

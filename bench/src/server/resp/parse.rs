//! Parses requests as they arrive.

/// The longest header of a list or a string, with its line end: a sign, 19 digits and two bytes.
const HEADER: usize = 32;

/// The limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The size of a whole request, headers included, in bytes.
    pub request: usize,
    /// The size of one argument, in bytes.
    pub argument: usize,
    /// The number of arguments.
    pub arguments: usize,
    /// The size of a request that is a line of words, in bytes.
    pub line: usize,
}

impl Default for Bounds {
    /// Requests of 32 MiB with arguments of 16 MiB.
    fn default() -> Self {
        Self { request: 32 << 20, argument: 16 << 20, arguments: 1 << 18, line: 64 << 10 }
    }
}

impl Bounds {
    /// The limits for clients that have not authenticated: enough to do so.
    pub const STRANGER: Self = Self { request: 16 << 10, argument: 4 << 10, arguments: 10, line: 4 << 10 };
}

/// The bytes are not a request. The connection is closed, because the start of the next request is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A list announces more arguments than allowed, or its header cannot be read.
    #[error("ERR Protocol error: invalid multibulk length")]
    List,
    /// The header of an argument cannot be read.
    #[error("ERR Protocol error: invalid bulk length")]
    Argument,
    /// An argument announces more bytes than allowed.
    #[error(
        "ERR Protocol error: an argument of {0} bytes is longer than {1}, the most that this server takes"
    )]
    Long(usize, usize),
    /// An argument does not begin with `$`, for example because lists are nested.
    #[error("ERR Protocol error: expected '$', got '{}'", .0.escape_ascii())]
    NoArgument(u8),
    /// An argument does not end where its header says.
    #[error("ERR Protocol error: an argument is longer than its header says")]
    End,
    /// The whole request is too long.
    #[error("ERR Protocol error: too big request")]
    TooLong,
    /// A line of words is too long.
    #[error("ERR Protocol error: too big inline request")]
    Line,
    /// The line is HTTP (see the module `foreign`).
    #[error(
        "ERR Protocol error: this is HTTP, but this server speaks the Redis protocol; none of it is executed"
    )]
    Http,
    /// The connection begins like TLS.
    #[error(
        "ERR Protocol error: this is TLS, but this server speaks the plain Redis protocol; connect without TLS, or \
         add [client_tls] to the cluster's file"
    )]
    Tls,
}

impl ParseError {
    /// Whether the client speaks another protocol, because a browser is misused or a client is misconfigured.
    pub fn is_foreign(self) -> bool {
        matches!(self, Self::Http | Self::Tls)
    }
}

/// The position of an argument in the bytes of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

/// One request, as a list of words.
#[derive(Clone, Copy, Debug)]
pub struct Request<'p, 'b> {
    spans: &'p [Span],
    bytes: &'b [u8],
}

impl<'b> Request<'_, 'b> {
    /// The number of words. Some requests have none and are skipped.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the request has no words.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The words of the request.
    pub fn words(&self) -> impl Iterator<Item = &'b [u8]> + '_ {
        self.spans.iter().map(|span| slice(self.bytes, *span))
    }
}

fn slice(bytes: &[u8], span: Span) -> &[u8] {
    bytes.get(span.start as usize..span.end as usize).unwrap_or_default()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a request.
    Start,
    /// In a line of words.
    Line,
    /// Before the header of an argument.
    Header,
    /// In an argument of this many bytes.
    Argument(usize),
}

/// Parses requests from the bytes of a connection, in pieces of any size.
#[derive(Clone, Debug)]
pub struct Parser {
    bounds: Bounds,
    state: State,
    /// How far the request has been parsed.
    at: usize,
    /// The positions of its arguments.
    spans: Vec<Span>,
    /// How many arguments are still missing.
    missing: usize,
    /// Whether the request has been returned.
    done: bool,
}

impl Parser {
    /// Creates a parser at the start of a connection.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, state: State::Start, at: 0, spans: Vec::new(), missing: 0, done: false }
    }

    /// Sets the limits from the next request on.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Returns the next request and its length in bytes, or `None` if it is incomplete. `bytes` starts at the request:
    /// the caller removes the bytes of a returned request, and otherwise passes the same bytes again, with more.
    ///
    /// # Errors
    /// [`ParseError`] if the bytes are not a request.
    pub fn next<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<(Request<'_, 'b>, usize)>, ParseError> {
        if self.done {
            self.reset();
        }
        if !self.read(bytes)? {
            // The missing part cannot fit any more.
            return if bytes.len() > self.bounds.request { Err(ParseError::TooLong) } else { Ok(None) };
        }
        if self.at > self.bounds.request {
            return Err(ParseError::TooLong);
        }
        self.done = true;
        let taken = self.at;
        Ok(Some((Request { spans: &self.spans, bytes }, taken)))
    }

    fn reset(&mut self) {
        self.state = State::Start;
        self.at = 0;
        self.missing = 0;
        self.done = false;
        self.spans.clear();
        // The memory of one long request is not kept for short ones.
        self.spans.shrink_to(64);
    }

    /// Continues parsing, and returns whether the request is complete.
    fn read(&mut self, bytes: &[u8]) -> Result<bool, ParseError> {
        loop {
            match self.state {
                State::Start => {
                    let Some(first) = bytes.first() else { return Ok(false) };
                    if *first != b'*' {
                        self.state = State::Line;
                        continue;
                    }
                    let Some(count) = self.header(bytes, ParseError::List)? else { return Ok(false) };
                    match usize::try_from(count) {
                        Ok(count) if count > self.bounds.arguments => return Err(ParseError::List),
                        Ok(0) | Err(_) => return Ok(true),
                        Ok(count) => self.missing = count,
                    }
                    self.state = State::Header;
                }
                State::Line => return self.line(bytes),
                State::Header => {
                    match bytes.get(self.at) {
                        None => return Ok(false),
                        Some(b'$') => {}
                        Some(other) => return Err(ParseError::NoArgument(*other)),
                    }
                    let Some(length) = self.header(bytes, ParseError::Argument)? else { return Ok(false) };
                    let length = usize::try_from(length).map_err(|_| ParseError::Argument)?;
                    if length > self.bounds.argument {
                        return Err(ParseError::Long(length, self.bounds.argument));
                    }
                    if self.at + length > self.bounds.request {
                        return Err(ParseError::TooLong);
                    }
                    self.state = State::Argument(length);
                }
                State::Argument(length) => {
                    let end = self.at + length;
                    match bytes.get(end..end + 2) {
                        None => return Ok(false),
                        Some(b"\r\n") => {}
                        Some(_) => return Err(ParseError::End),
                    }
                    self.spans.push(Span { start: self.at as u32, end: end as u32 });
                    self.at = end + 2;
                    self.missing -= 1;
                    self.state = State::Header;
                    if self.missing == 0 {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Reads the number of a header, if the header is complete.
    fn header(&mut self, bytes: &[u8], wrong: ParseError) -> Result<Option<i64>, ParseError> {
        let start = self.at + 1;
        let window = &bytes[start.min(bytes.len())..bytes.len().min(self.at + HEADER)];
        let Some(length) = window.iter().position(|byte| *byte == b'\n') else {
            return if bytes.len() >= self.at + HEADER { Err(wrong) } else { Ok(None) };
        };
        let line = &window[..length];
        let number = line.strip_suffix(b"\r").and_then(crate::kv::integer).ok_or(wrong)?;
        self.at = start + length + 1;
        Ok(Some(number))
    }

    /// Reads a line of words.
    fn line(&mut self, bytes: &[u8]) -> Result<bool, ParseError> {
        // The second byte may arrive later than the first.
        if super::foreign::is_tls(bytes) {
            return Err(ParseError::Tls);
        }
        let new = bytes.get(self.at..).unwrap_or_default();
        let Some(end) = new.iter().position(|byte| *byte == b'\n').map(|n| self.at + n) else {
            self.at = bytes.len();
            return if bytes.len() > self.bounds.line { Err(ParseError::Line) } else { Ok(false) };
        };
        if end > self.bounds.line {
            return Err(ParseError::Line);
        }
        let mut start = None;
        for (at, byte) in bytes[..=end].iter().enumerate() {
            match (byte.is_ascii_whitespace(), start) {
                (false, None) => start = Some(at),
                (true, Some(from)) => {
                    self.spans.push(Span { start: from as u32, end: at as u32 });
                    start = None;
                }
                (true, None) | (false, Some(_)) => {}
            }
        }
        self.at = end + 1;
        if let Some(error) = super::foreign::foreign(self.spans.iter().map(|span| slice(bytes, *span))) {
            return Err(error);
        }
        if self.spans.len() > self.bounds.arguments { Err(ParseError::Line) } else { Ok(true) }
    }
}

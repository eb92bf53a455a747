//! Recognizes other protocols by the first words of a line or the first bytes of a connection.
//!
//! A web page can make a browser send HTTP to any port that the browser can reach, including loopback addresses. To a
//! server that reads lines of words, request lines and headers are unknown commands. But the page chooses the body, and
//! its lines would be executed. So a connection ends at the first line that looks like HTTP, and nothing after that
//! line is read. Redis does the same for `POST` and `Host:`.

use super::ParseError;

/// Returns the error if a line of words belongs to another protocol.
///
/// An HTTP request line ends with its version, begins with `POST`, or asks for a path with `GET`. A first word that
/// ends with a colon is a header name. No command of the Redis protocol looks like this. A key that begins with `/` can
/// still be read with a request that is a list, which every client library sends.
pub(super) fn foreign<'a>(mut words: impl Iterator<Item = &'a [u8]>) -> Option<ParseError> {
    let first = words.next()?;
    let second = words.next().unwrap_or_default();
    let last = words.last().unwrap_or(second);
    let is_http = first.eq_ignore_ascii_case(b"post")
        || first.ends_with(b":")
        || (first.eq_ignore_ascii_case(b"get") && second.starts_with(b"/"))
        || last.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"http/"));
    is_http.then_some(ParseError::Http)
}

/// Whether a connection begins like TLS: a handshake record (22) of version 3.x (RFC 8446, §5.1).
pub(super) fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x16, 0x03, ..])
}

//! Other protocols, by the first words of a line or the first bytes of a connection.
//!
//! A web page can make a browser send HTTP to any port that the browser can reach, a loopback address included. Request
//! lines and headers are unknown commands to a server that reads lines of words, but the body is the page's own text,
//! and its lines would be executed. So a connection ends at the first line that looks like HTTP, and nothing behind
//! that line is read. Redis does the same for `POST` and `Host:`.

use super::ParseError;

/// The other protocol that a line of words belongs to.
///
/// A request line of HTTP ends with its version, or begins with `POST`, or asks for a path with `GET`. A word that ends
/// with a colon and begins a line is the name of a header. No command of the Redis protocol is written so. A key that
/// begins with `/` can be read by a request that is a list, as every client library sends it.
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

/// Whether a connection begins as TLS does: a handshake record (22) of a version 3.x (RFC 8446, §5.1).
pub(super) fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x16, 0x03, ..])
}

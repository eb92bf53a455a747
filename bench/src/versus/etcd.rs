//! A small client of etcd for `versus`. It uses the HTTP/JSON gateway over one connection that stays open.
//!
//! Clients of etcd's own protocol need `protoc` to build; the gateway needs only HTTP/1.1.

use crate::server::resp::Value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most headers in a response.
const HEADERS: usize = 32;

/// The most bytes in a response, headers included. The gateway's answer to a write is below a kilobyte.
const LONGEST: usize = 1 << 20;

/// A connection to a member.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    address: String,
    out: Vec<u8>,
    input: Vec<u8>,
}

/// A response and its length in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Response {
    status: u16,
    body: Vec<u8>,
    length: usize,
}

impl Client {
    /// Connects to an address such as `127.0.0.1:2379`.
    pub(crate) async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, address: address.to_owned(), out: Vec::new(), input: Vec::new() })
    }

    /// Appends a write to the send buffer.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) {
        let mut body = String::with_capacity(32 + (key.len() + value.len()) * 4 / 3);
        body.push_str(r#"{"key":""#);
        STANDARD.encode_string(key, &mut body);
        body.push_str(r#"","value":""#);
        STANDARD.encode_string(value, &mut body);
        body.push_str(r#""}"#);
        self.post("/v3/kv/put", &body);
    }

    fn post(&mut self, path: &str, body: &str) {
        let (address, length) = (&self.address, body.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(body.as_bytes());
    }

    /// Sends the buffered requests.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out).await?;
        self.out.clear();
        Ok(())
    }

    /// Waits for more bytes. Cancelling this loses nothing.
    pub(crate) async fn fill(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Returns the next reply if it has arrived: the text of the response or of the error.
    pub(crate) fn poll(&mut self) -> io::Result<Option<Value>> {
        let Some(Response { status, body, length }) = response(&self.input)? else { return Ok(None) };
        self.input.drain(..length);
        if status == 200 {
            return Ok(Some(Value::Bulk(body)));
        }
        let said = serde_json::from_slice::<Json>(&body).ok();
        let error = said.as_ref().and_then(|said| said["error"].as_str());
        let error = error.map_or_else(|| String::from_utf8_lossy(&body).into_owned(), str::to_owned);
        Ok(Some(Value::Error(format!("{status} {error}"))))
    }

    /// Whether this member leads.
    pub(crate) async fn leads(&mut self) -> io::Result<bool> {
        self.post("/v3/maintenance/status", "{}");
        self.flush().await?;
        loop {
            match self.poll()? {
                Some(Value::Bulk(body)) => {
                    let said: Json = serde_json::from_slice(&body)?;
                    let (leader, itself) = (&said["leader"], &said["header"]["member_id"]);
                    return Ok(leader.is_string() && leader == itself);
                }
                Some(other) => return Err(io::Error::other(format!("{other:?}"))),
                None => self.fill().await?,
            }
        }
    }
}

fn wrong(why: impl std::fmt::Display) -> io::Error {
    let text = format!("the server does not speak HTTP as etcd does: {why}; name the address of a member");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Returns the response at the beginning of `bytes`, or `None` if it is incomplete (RFC 9112, §6).
fn response(bytes: &[u8]) -> io::Result<Option<Response>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(bytes).map_err(wrong)?;
    let httparse::Status::Complete(begin) = parsed else { return bounded(bytes, None) };
    let status = head.code.unwrap_or_default();
    let of = |name: &str| {
        let header = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    if of("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return bounded(
            bytes,
            chunked(bytes, begin)?.map(|(body, length)| Response { status, body, length }),
        );
    }
    let size = of("Content-Length").and_then(|size| size.trim().parse::<usize>().ok());
    let size =
        size.filter(|size| *size <= LONGEST).ok_or_else(|| wrong("a response has no usable length"))?;
    let body = bytes.get(begin..begin + size).map(<[u8]>::to_vec);
    bounded(bytes, body.map(|body| Response { status, body, length: begin + size }))
}

/// Fails if an incomplete response already exceeds the limit.
fn bounded(bytes: &[u8], found: Option<Response>) -> io::Result<Option<Response>> {
    let too_long = found.is_none() && bytes.len() > LONGEST;
    if too_long { Err(wrong(format_args!("a response is longer than {LONGEST} bytes"))) } else { Ok(found) }
}

/// Returns a chunked body and the end of the response, or `None` if it is incomplete (RFC 9112, §7.1).
fn chunked(bytes: &[u8], begin: usize) -> io::Result<Option<(Vec<u8>, usize)>> {
    let (mut body, mut at) = (Vec::new(), begin);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let size = httparse::parse_chunk_size(rest).map_err(|_| wrong("a chunk has no length"))?;
        let httparse::Status::Complete((head, size)) = size else { return Ok(None) };
        if size == 0 {
            at += head;
            break;
        }
        let size = usize::try_from(size).ok().filter(|size| *size <= LONGEST);
        let size = size.ok_or_else(|| wrong("a chunk is too long"))?;
        // Each chunk is followed by a line end.
        let Some(chunk) = rest.get(head..head + size + 2) else { return Ok(None) };
        body.extend_from_slice(chunk.get(..size).unwrap_or_default());
        at += head + size + 2;
    }
    // Trailers have the form of headers.
    let mut trailers = [httparse::EMPTY_HEADER; HEADERS];
    let rest = bytes.get(at..).unwrap_or_default();
    match httparse::parse_headers(rest, &mut trailers).map_err(wrong)? {
        httparse::Status::Complete((length, _)) => Ok(Some((body, at + length))),
        httparse::Status::Partial => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of etcd 3.4 to a write.
    const WRITTEN: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

    /// The answer of etcd 3.4 to a refused write.
    const REFUSED: &str = "HTTP/1.1 400 Bad Request\r\nTrailer: Grpc-Trailer-Content-Type\r\nTransfer-Encoding: chunked\r\n\
                           \r\n3\r\n{\"e\r\n5\r\nrror\"\r\n0\r\nGrpc-Trailer-Content-Type: application/grpc\r\n\r\n";

    #[test]
    fn a_response_is_read_when_it_is_whole_and_not_before() {
        for (text, status, body) in [(WRITTEN, 200, "{}"), (REFUSED, 400, "{\"error\"")] {
            let whole = Response { status, body: body.into(), length: text.len() };
            for cut in 0..text.len() {
                assert_eq!(response(&text.as_bytes()[..cut]).expect("no error"), None, "{cut} of {text}");
            }
            assert_eq!(response(text.as_bytes()).expect("no error"), Some(whole));
            let two = format!("{text}{text}");
            let first = response(two.as_bytes()).expect("no error").expect("a response");
            assert_eq!(first.length, text.len());
        }
    }

    #[test]
    fn what_is_no_response_or_is_too_long_is_refused() {
        let long = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", LONGEST + 1);
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(LONGEST));
        for text in ["+OK\r\n", "HTTP/1.1 200 OK\r\n\r\n", &long, &endless] {
            let error = response(text.as_bytes()).expect_err("refused").to_string();
            assert!(error.contains("name the address"), "{error}");
        }
    }
}

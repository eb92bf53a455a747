//! Requests and replies: complete, in pieces, and malformed.

use super::*;
use crate::kv::Reply;
use proptest::prelude::*;

const SMALL: Bounds = Bounds { request: 4096, argument: 1024, arguments: 32, line: 512 };

/// Requests, each a list of words.
type Requests = Vec<Vec<Vec<u8>>>;

/// Parses `bytes` in pieces of these lengths, in turn. Returns the requests and the most bytes held at a time.
fn requests(bytes: &[u8], pieces: &[usize]) -> (Result<Requests, ParseError>, usize) {
    let mut parser = Parser::new(SMALL);
    let mut held: Vec<u8> = Vec::new();
    let (mut found, mut most, mut rest) = (Vec::new(), 0, bytes);
    for piece in pieces.iter().chain(std::iter::repeat(&bytes.len())) {
        let (now, later) = rest.split_at((*piece).max(1).min(rest.len()));
        held.extend_from_slice(now);
        rest = later;
        most = most.max(held.len());
        loop {
            match parser.next(&held) {
                Err(error) => return (Err(error), most),
                Ok(None) => break,
                Ok(Some((request, taken))) => {
                    found.push(request.words().map(<[u8]>::to_vec).collect());
                    held.drain(..taken);
                }
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    (Ok(found), most)
}

fn whole(bytes: &[u8]) -> Result<Requests, ParseError> {
    requests(bytes, &[]).0
}

#[test]
fn requests_are_lists_or_lines_and_empty_ones_have_no_word() {
    let bytes = b"*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\nPING  now \r\n*0\r\n\r\n*-1\r\n*1\r\n$0\r\n\r\n";
    let words = |words: &[&str]| words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
    let expected = [
        words(&["ECHO", "a\r\n"]),
        words(&["PING", "now"]),
        words(&[]),
        words(&[]),
        words(&[]),
        words(&[""]),
    ];
    assert_eq!(whole(bytes), Ok(expected.to_vec()));
}

#[test]
fn a_header_that_announces_too_much_is_refused_before_anything_comes() {
    assert_eq!(whole(b"*2\r\n$536870912\r\n"), Err(ParseError::Long(536_870_912, 1024)));
    assert_eq!(whole(b"*1000000\r\n"), Err(ParseError::List));
    assert_eq!(whole(b"*99999999999999999999999999999999"), Err(ParseError::List));
    assert_eq!(whole(b"*1\r\n$99999999999999999999999999999999"), Err(ParseError::Argument));
    assert_eq!(whole(b"*1\r\n$-1\r\n"), Err(ParseError::Argument));
    assert_eq!(whole(b"*x\r\n"), Err(ParseError::List));
}

#[test]
fn lists_in_lists_are_refused_at_the_second() {
    let nested = b"*1\r\n".repeat(1_000_000);
    assert_eq!(whole(&nested), Err(ParseError::NoArgument(b'*')));
}

#[test]
fn a_request_of_many_small_arguments_is_bounded_as_a_whole() {
    let mut bytes = b"*32\r\n".to_vec();
    (0..32).for_each(|_| bytes.extend_from_slice(&[b"$1000\r\n".as_slice(), &[0; 1000], b"\r\n"].concat()));
    assert_eq!(whole(&bytes), Err(ParseError::TooLong));
    assert_eq!(whole(&[b'x'; 600]), Err(ParseError::Line));
}

#[test]
fn a_line_of_another_protocol_ends_the_connection_before_its_body_is_read() {
    let http = [
        "POST / HTTP/1.1",
        "post /",
        "POST",
        "GET / HTTP/1.1",
        "GET /",
        "get /index.html",
        "GET http://localhost:7001/ HTTP/1.1",
        "PUT /x HTTP/1.1",
        "OPTIONS * HTTP/1.0",
        "PRI * HTTP/2.0",
        "SET / HTTP/1.1",
        "Host: localhost:7001",
        "host: localhost",
        "Host:",
        "Content-Length: 12",
    ];
    for line in http {
        for before in ["", "PING\r\n"] {
            let bytes = format!("{before}{line}\r\nSET pwned 2\r\n");
            let mut parser = Parser::new(SMALL);
            let mut rest = bytes.as_bytes();
            if !before.is_empty() {
                let (_, taken) = parser.next(rest).expect("a request").expect("all of it");
                rest = &rest[taken..];
            }
            assert_eq!(parser.next(rest).expect_err(line), ParseError::Http, "{line}");
        }
        assert_eq!(requests(format!("{line}\n").as_bytes(), &[1; 60]).0, Err(ParseError::Http), "{line}");
    }
    assert_eq!(whole(b"\x16\x03\x01\x02\x00\x01"), Err(ParseError::Tls));
    assert_eq!(requests(b"\x16\x03\x01\x02\x00\x01", &[1; 6]).0, Err(ParseError::Tls));
}

#[test]
fn requests_that_look_a_little_like_http_are_read() {
    for line in ["GET a/b", "GET key", "ECHO Host:", "SET / http", "SET POST /", "GET"] {
        assert_eq!(whole(format!("{line}\r\n").as_bytes()).map(|found| found.len()), Ok(1), "{line}");
    }
    // Client libraries send lists, whose words are data and not HTTP.
    let lists = b"*2\r\n$3\r\nGET\r\n$2\r\n/k\r\n*1\r\n$5\r\nHost:\r\n*2\r\n$4\r\nECHO\r\n$8\r\nHTTP/1.1\r\n";
    assert_eq!(whole(lists).map(|found| found.len()), Ok(3));
}

#[test]
fn an_argument_ends_where_its_header_says() {
    assert_eq!(whole(b"*1\r\n$1\r\nab\r\n"), Err(ParseError::End));
}

#[test]
fn a_request_that_comes_byte_by_byte_is_read_once() {
    // If each byte restarted the parsing, this would take minutes.
    let bounds = Bounds { request: 16 << 20, ..Bounds::default() };
    let mut bytes = b"*100000\r\n".to_vec();
    (0..100_000).for_each(|_| bytes.extend_from_slice(b"$1\r\nx\r\n"));
    let mut parser = Parser::new(bounds);
    for end in 1..bytes.len() {
        assert!(parser.next(&bytes[..end]).expect("a request").is_none());
    }
    let (request, taken) = parser.next(&bytes).expect("a request").expect("all of it");
    assert_eq!((request.len(), taken), (100_000, bytes.len()));
}

#[test]
fn replies_are_written_as_each_version_has_it() {
    let reply = Reply::Array(vec![
        Reply::Nil,
        Reply::Int(-12),
        Reply::text("a\r\n"),
        Reply::Map(vec![(Reply::text("k"), Reply::NilArray)]),
        Reply::refused("ERR two\r\nlines"),
    ]);
    let written = |version| {
        let mut out = Vec::new();
        encode(&reply, version, &mut out);
        String::from_utf8(out).expect("text")
    };
    let two = "*5\r\n$-1\r\n:-12\r\n$3\r\na\r\n\r\n*2\r\n$1\r\nk\r\n*-1\r\n-ERR two  lines\r\n";
    let three = "*5\r\n_\r\n:-12\r\n$3\r\na\r\n\r\n%1\r\n$1\r\nk\r\n_\r\n-ERR two  lines\r\n";
    assert_eq!((written(Version::Two).as_str(), written(Version::Three).as_str()), (two, three));
}

#[test]
fn a_reply_that_is_not_whole_is_none_yet() {
    let bytes = b"*2\r\n$3\r\nabc\r\n%1\r\n+k\r\n:5\r\n";
    for end in 0..bytes.len() {
        assert_eq!(read_value(&bytes[..end]), Ok(None), "{end}");
    }
    let inner = Value::Array(vec![Value::Simple("k".into()), Value::Int(5)]);
    let expected = Value::Array(vec![Value::Bulk(b"abc".to_vec()), inner]);
    assert_eq!(read_value(bytes), Ok(Some((expected, bytes.len()))));
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_requests(
        words in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8), 0..8),
        pieces in prop::collection::vec(1_usize..50, 0..60),
    ) {
        let mut bytes = Vec::new();
        for request in &words {
            let request: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
            encode_request(&request, &mut bytes);
        }
        let (found, most) = requests(&bytes, &pieces);
        prop_assert!(most <= bytes.len());
        prop_assert_eq!(found, Ok(words));
    }

    #[test]
    fn any_bytes_end_alike_however_they_are_split_and_nothing_grows(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), b'0'..=b'9'], 0..6000),
        pieces in prop::collection::vec(1_usize..500, 0..60),
    ) {
        let (found, most) = requests(&bytes, &pieces);
        prop_assert_eq!(&found, &whole(&bytes));
        let longest = pieces.iter().copied().max().unwrap_or(0).max(bytes.len());
        prop_assert!(most <= SMALL.request + longest + HEADROOM);
    }

    #[test]
    fn any_bytes_are_a_reply_or_not_without_a_panic(bytes: Vec<u8>) {
        let _ = read_value(&bytes);
    }
}

/// How many bytes may be held beyond the limit before a request is refused as too long.
const HEADROOM: usize = 64;

#[test]
fn a_long_reply_is_encoded_piece_by_piece() {
    let long = || Reply::Bulk(vec![b'x'; 100_000].into());
    let pairs = vec![(Reply::text("a"), long()), (long(), Reply::Array(vec![Reply::Int(1); 5000]))];
    let reply = Reply::Array(vec![Reply::Ok, long(), Reply::Map(pairs), Reply::Nil]);
    for version in [Version::Two, Version::Three] {
        let (mut whole, mut pieces, mut out) = (Vec::new(), Vec::new(), Vec::new());
        encode(&reply, version, &mut whole);
        let mut encoder = Encoder::begin(&reply, version, &mut out);
        while !encoder.fill(&mut out, 1000) {
            assert!((1000..1000 + 5000).contains(&out.len()), "{}", out.len());
            pieces.append(&mut out);
        }
        pieces.append(&mut out);
        assert!(pieces == whole && whole.len() > 300_000, "{version:?}");
    }
}

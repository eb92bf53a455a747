//! Everything that travels on a connection, as real carriers send and receive it.

use crate::golden::{Golden, SNAPSHOT, WIRE};
use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_core::{
    Audience, Batch, ClientId, Digest, Entry, Envelope, Event, Former, Incarnation, Message, NodeId, Request,
    Start, StoreMark, To,
};
use paxos_transport::{Identity, Reason, TcpCarrier, TcpOptions, Transport, WIRE_VERSION};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

type Multi = MultiPaxos<Vec<u8>, u64>;

const HELLO: u8 = 1;
const WELCOME: u8 = 2;
const REFUSAL: u8 = 3;
const MESSAGES: u8 = 4;
const PING: u8 = 5;
const PONG: u8 = 6;
const PART: u8 = 7;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn identity(node: u16) -> Identity {
    let (cluster, variant) = ("golden".into(), "multi".into());
    Identity {
        cluster,
        node: NodeId(node),
        variant,
        configuration: Digest(0xABCD << 100),
        genesis: String::new(),
        lease: None,
    }
}

async fn bind(options: TcpOptions) -> TcpCarrier<Multi> {
    TcpCarrier::bind(options).await.expect("a free port")
}

/// Reads the next frame as a whole.
async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let whole = async {
        let mut frame = vec![0; 16];
        stream.read_exact(&mut frame).await.expect("a frame");
        let length = u32::from_le_bytes(*frame[4..].first_chunk().expect("four bytes"));
        frame.resize(16 + length as usize, 0);
        stream.read_exact(&mut frame[16..]).await.expect("its body");
        frame
    };
    timeout(Duration::from_secs(60), whole).await.expect("soon")
}

/// Reads the next frame of this kind. Skips pings and pongs.
async fn next(stream: &mut TcpStream, kind: u8) -> Vec<u8> {
    loop {
        let frame = read(stream).await;
        if frame[1] == kind {
            return frame;
        }
        assert!([PING, PONG].contains(&frame[1]), "a frame of kind {}", frame[1]);
    }
}

async fn say(stream: &mut TcpStream, frame: &[u8]) {
    stream.write_all(frame).await.expect("the other side reads");
}

fn message(seq: u64, size: usize) -> Message<Multi> {
    let client = ClientId { node: NodeId(9), nonce: 0xDEAD_BEEF, session: 2 };
    let commands = Batch::from(Entry::new(client, seq, vec![0; size]));
    Message::Request(Request { commands, audience: Audience::Leader })
}

/// The frames that n1 sends to n0, by kind: its greeting, a ping, two messages in one frame, and a large one in parts.
async fn said(welcome: &[u8]) -> Vec<Vec<u8>> {
    let listener = TcpListener::bind(ANY_PORT).await.expect("a free port");
    let mut options = TcpOptions::new(identity(1), ANY_PORT);
    options.advertise = Some("n1.example:7000".into());
    let mut carrier = bind(options).await;
    let mark = StoreMark { id: 0x0123_4567_89AB_CDEF_0011_2233_4455_6677, writes: 300 };
    let former = Former::new(&[Start { opened: 1, nonce: 0xBEE }]);
    carrier.introduce(Incarnation { mark, opened: 5, nonce: 0xCAFE }, &former);
    let address = listener.local_addr().expect("bound").to_string();
    carrier.handle().set_peer(NodeId(0), address);
    let (mut stream, _) = listener.accept().await.expect("it dials");
    let hello = next(&mut stream, HELLO).await;
    say(&mut stream, welcome).await;
    let ping = next(&mut stream, PING).await;
    let send = |message| Envelope { to: To::One(NodeId(0)), message };
    let mut batch = vec![send(message(300, 3)), send(message(301, 0))];
    carrier.send(&mut batch).await.expect("it sends");
    let messages = next(&mut stream, MESSAGES).await;
    carrier.send(&mut vec![send(message(302, 70_000))]).await.expect("it sends");
    let parts = [next(&mut stream, PART).await, next(&mut stream, PART).await];
    [vec![hello, ping, messages], parts.into()].concat()
}

#[tokio::test]
async fn frames_are_written_and_read_as_before() {
    let mut file = Golden::open("frames", &[WIRE, SNAPSHOT]);
    let mut listener = bind(TcpOptions::new(identity(0), ANY_PORT)).await;
    let welcome = frame(WELCOME, &[]);
    let said = said(&welcome).await;
    let [hello, ping, messages, first, second] = &said[..] else { panic!("{} frames", said.len()) };
    file.bytes(
        "1 hello",
        hello,
        "n1 dials n0 of the cluster \"golden\"; it listens at n1.example:7000, and tells its store",
    );

    // A process of this version understands these frames.
    let mut stream = TcpStream::connect(listener.local_address()).await.expect("it listens");
    say(&mut stream, hello).await;
    let welcomed = read(&mut stream).await;
    assert_eq!(welcomed, welcome);
    file.bytes("2 welcome", &welcomed, "n0 takes the connection");
    let other = Identity { cluster: "other".into(), ..identity(0) };
    let stranger = bind(TcpOptions::new(other, ANY_PORT)).await;
    let mut refused = TcpStream::connect(stranger.local_address()).await.expect("it listens");
    say(&mut refused, hello).await;
    let refusal = next(&mut refused, REFUSAL).await;
    file.bytes("3 refusal", &refusal, &String::from_utf8_lossy(&refusal[18..]));
    file.bytes("4 messages", messages, "after 300 writes: a request of three bytes, and one of none");
    file.bytes("5 ping", ping, "is somebody there?");
    say(&mut stream, ping).await;
    let answer = next(&mut stream, PONG).await;
    file.bytes("6 pong", &answer, "there is");
    file.bytes("7 part, the first", first, "after 300 writes: 64 KiB of a request of 70,000 bytes");
    file.bytes("7 part, the last", second, "the rest of it");

    for frame in [messages, first, second] {
        say(&mut stream, frame).await;
    }
    let (mut inbox, mut heard) = (Vec::new(), Vec::new());
    while heard.len() < 3 {
        let received = timeout(Duration::from_secs(60), listener.recv(&mut inbox)).await;
        received.expect("soon").expect("it receives");
        for event in inbox.drain(..) {
            if let Event::Message { from, message } = event {
                assert_eq!(from, NodeId(1));
                heard.push(message);
            }
        }
    }
    assert_eq!(heard, [message(300, 3), message(301, 0), message(302, 70_000)]);

    // There is no eighth kind. A new kind must be added here.
    say(&mut stream, &frame(8, &[])).await;
    next(&mut stream, REFUSAL).await;
    assert_eq!(listener.handle().stats().refused_for(Reason::Damaged), 1);
    file.check();
}

/// A frame exactly as `docs/transport.md` describes it.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_le_bytes();
    let [a, b, c, d] = length;
    let header = Digest::of(&[WIRE_VERSION, kind, a, b, c, d]).0 as u16;
    let check = (Digest::of(body).0 >> 64) as u64 ^ (u64::from(kind) << 56);
    [&[WIRE_VERSION, kind][..], &header.to_le_bytes(), &length, &check.to_le_bytes(), body].concat()
}

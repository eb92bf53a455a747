//! Connections with TLS between two tasks.

use super::*;
use core::time::Duration;
use rcgen::{CertificateParams, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longer than any step takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// Shorter than anything that is waited for in vain.
const SHORT: Duration = Duration::from_millis(20);

/// Both ends of a connection with TLS: the server's first.
async fn pair() -> (Stream, Stream) {
    let key = KeyPair::generate().expect("random");
    let params = CertificateParams::new(vec!["127.0.0.1".into()]).expect("a name");
    let certificate = params.self_signed(&key).expect("signed").pem().into_bytes();
    let certified = Certified {
        certificate: certificate.clone(),
        key: key.serialize_pem().into(),
        ca: None,
        authorities: None,
    };
    let port = ClientPort::new(&certified).expect("a certificate");
    assert!(port.connector().is_none(), "nothing says how to verify other members");
    let connector = Connector::new(&certificate, None, None).expect("an authority");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let dialled = async {
        let stream = TcpStream::connect(&address).await.expect("it listens");
        connector.connect(&address, stream).await.expect("a handshake")
    };
    let accepted = async {
        let (stream, _) = listener.accept().await.expect("a connection");
        port.accept(stream).await.expect("a handshake")
    };
    timeout(LONG, async { tokio::join!(accepted, dialled) }).await.expect("in time")
}

async fn say(stream: &mut Stream, bytes: &[u8]) {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += timeout(LONG, stream.write(&bytes[sent..])).await.expect("in time").expect("written");
    }
    timeout(LONG, stream.flush()).await.expect("in time").expect("sent");
}

#[tokio::test]
async fn who_waits_for_bytes_holds_no_buffer_and_loses_nothing_when_the_wait_is_given_up() {
    let (mut server, mut client) = pair().await;
    let sent: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    let (mut input, mut got) = (Vec::new(), Vec::new());
    for part in sent.chunks(33_000) {
        assert!(timeout(SHORT, server.receive(&mut input, 1 << 14)).await.is_err(), "nothing was sent");
        assert_eq!(input.capacity(), 0);
        say(&mut client, part).await;
        let end = got.len() + part.len();
        while got.len() < end {
            // Most waits end before bytes are there.
            if let Ok(read) = timeout(Duration::ZERO, server.receive(&mut input, 1 << 14)).await {
                assert_eq!(read.expect("bytes"), input.len());
                got.append(&mut std::mem::take(&mut input));
            }
            tokio::task::yield_now().await;
        }
    }
    assert!(got == sent);
    client.shutdown().await.expect("it can say so");
    assert_eq!(timeout(LONG, server.receive(&mut input, 1)).await.expect("in time").expect("an end"), 0);
}

#[tokio::test]
async fn writing_waits_for_a_client_that_reads_nothing_and_goes_on_when_it_reads() {
    let (mut server, mut client) = pair().await;
    let piece = vec![7; 1 << 16];
    let mut sent = 0;
    while let Ok(written) = timeout(SHORT, server.write(&piece)).await {
        sent += written.expect("written");
        assert!(sent < 1 << 28, "there is no end to what is kept for a client that reads nothing");
    }
    assert!(timeout(SHORT, server.flush()).await.is_err(), "the client has not read it");
    let reading = async {
        let mut seen = Vec::new();
        let mut got = 0;
        while got < sent {
            seen.clear();
            let read = timeout(LONG, client.read_buf(&mut seen)).await.expect("in time").expect("bytes");
            assert!(read > 0 && seen.iter().all(|byte| *byte == 7));
            got += read;
        }
        got
    };
    let (flushed, got) = tokio::join!(timeout(LONG, server.flush()), reading);
    flushed.expect("in time").expect("sent");
    assert_eq!(got, sent);
}

//! Links on which what is sent takes long to arrive.

use crate::wire::hostile::{letter, message, number, send};
use crate::wire::raw::{self, MESSAGES, PONG, WELCOME, header};
use crate::wire::{bind, options, soon};
use core::time::Duration;
use paxos_core::NodeId;
use paxos_transport::{BindError, Reason, TcpCarrier, Transport as _};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The frame takes longer than the other side would wait for a silent peer.
#[tokio::test]
async fn who_sends_a_long_frame_slowly_is_told_that_it_arrives() {
    let listener = bind(options(0)).await;
    let handle = listener.handle();
    let mut stream = TcpStream::connect(handle.local_address()).await.expect("somebody listens");
    assert_eq!(raw::answer(&mut stream, &raw::proper()).await, Some((WELCOME, Vec::new())));
    stream.write_all(&header(MESSAGES, 1 << 20, 0)).await.expect("it reads");
    let (mut from, mut to) = stream.split();
    let heard = async {
        for _ in 0..15 {
            assert_eq!(raw::read(&mut from).await, Some((PONG, Vec::new())));
        }
    };
    let drip = async {
        loop {
            to.write_all(&[7; 10]).await.expect("it reads");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = soon(heard) => {}
        () = drip => {}
    }
    assert_eq!(handle.stats().refused_for(Reason::Silent), 0);
}

/// Each of them fits alone.
#[tokio::test]
async fn no_more_messages_go_together_than_the_longest_frame_holds() {
    let short = |node| {
        let mut short = options(node);
        short.limits.frame_bytes = 80_000;
        short
    };
    let mut receiver = bind(short(1)).await;
    let mut sender = bind(short(0).peer(NodeId(1), receiver.local_address().to_string())).await;
    for n in 0..8 {
        send(&mut sender, 1, message(n, 50_000)).await;
    }
    let mut inbox = Vec::new();
    while inbox.len() < 8 {
        soon(receiver.recv(&mut inbox)).await.expect("receives");
    }
    let arrived: Vec<u64> = inbox.into_iter().map(|event| number(&letter(event).1)).collect();
    assert_eq!(arrived, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(receiver.handle().stats().refused_for(Reason::TooLarge), 0);
}

#[tokio::test]
async fn a_carrier_without_time_is_refused() {
    let mut none = options(0);
    none.limits = none.limits.for_elections(Duration::ZERO);
    let refused = TcpCarrier::<crate::wire::Multi>::bind(none).await.map(drop);
    assert!(matches!(refused, Err(BindError::NoTime("connect"))), "{refused:?}");
}

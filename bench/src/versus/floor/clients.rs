//! The floor's clients: each sends `SET key value` and is answered when it is written.

use super::members::Request;
use crate::server::resp::{Bounds, Parser};
use std::io;
use std::sync::mpsc::Sender;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// The limits of a request: a value of a megabyte, and its key.
const BOUNDS: Bounds = Bounds { request: 2 << 20, argument: 1 << 20, arguments: 3, line: 1 << 10 };

/// The number of bytes reserved for each read.
const READ: usize = 16 << 10;

/// Accepts clients until that fails.
pub(super) async fn serve(listener: TcpListener, leader: Sender<Request>) -> io::Error {
    loop {
        match listener.accept().await {
            // How a connection ends matters only to its client.
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, leader.clone()))),
            Err(error) => return error,
        }
    }
}

async fn connection(mut stream: TcpStream, leader: Sender<Request>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut parser, mut input) = (Parser::new(BOUNDS), Vec::new());
    loop {
        input.reserve(READ);
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let (mut taken, mut answers) = (0, Vec::new());
        loop {
            let bytes = input.get(taken..).unwrap_or_default();
            let Some((request, length)) = parser.next(bytes).map_err(io::Error::other)? else { break };
            let words: Vec<&[u8]> = request.words().collect();
            answers.push(match words.as_slice() {
                [verb, _, _] if verb.eq_ignore_ascii_case(b"set") => {
                    let (written, answer) = oneshot::channel();
                    let bytes = bytes.get(..length).unwrap_or_default().to_vec();
                    leader.send(Request { bytes, written }).map_err(io::Error::other)?;
                    Some(answer)
                }
                _ => None,
            });
            taken += length;
        }
        input.drain(..taken);
        let mut out = Vec::new();
        for answer in answers {
            out.extend_from_slice(match answer {
                Some(answer) => {
                    answer.await.map_err(io::Error::other)?;
                    b"+OK\r\n".as_slice()
                }
                None => b"-ERR the floor accepts only SET key value\r\n",
            });
        }
        stream.write_all(&out).await?;
    }
}

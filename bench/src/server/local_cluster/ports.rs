//! Free ports of this machine for processes that are started later.

use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use tokio::net::TcpSocket;

/// Returns a free port on loopback, and a socket that holds it. While the socket exists, no other process can take the
/// port. The port is outside the range from which systems pick ports for outgoing connections, so that it is usually
/// still free when the process that it is meant for starts, or starts again.
///
/// # Errors
/// An error of the system if it gives no socket.
pub(crate) fn reserve() -> io::Result<(u16, TcpSocket)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that look for ports at the same time begin far from each other: in the golden ratio of the range, ids in a row
    // are as far apart as possible.
    let first = u64::from(std::process::id()) * 12_361;
    loop {
        let nth = first + u64::from(NEXT.fetch_add(1, Relaxed));
        let port = 11_000 + (nth % 20_000) as u16;
        let socket = TcpSocket::new_v4()?;
        if socket.bind((Ipv4Addr::LOCALHOST, port).into()).is_ok() {
            return Ok((port, socket));
        }
    }
}

/// Returns this many free ports, all different.
///
/// # Errors
/// As [`reserve`].
pub(crate) fn free(count: usize) -> io::Result<Vec<u16>> {
    // All ports are held until all are chosen, so that none is chosen twice.
    let held: Vec<(u16, TcpSocket)> = (0..count).map(|_| reserve()).collect::<io::Result<_>>()?;
    Ok(held.iter().map(|(port, _)| *port).collect())
}

//! A port that is taken before anything is served at it.

use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// A port at which nothing listens yet: connections are refused. So an address that cannot be used is known before a
/// store is opened, and no client waits while the store is read.
///
/// On some systems (Linux among them) two processes can both take a port as long as neither of them listens.
/// [`Port::listen`] then fails for the later one.
#[derive(Debug)]
pub struct Port(TcpSocket);

impl Port {
    /// Takes the port; port 0 is any free one.
    ///
    /// # Errors
    /// Of the system, if the address is not of this machine or another process listens at it.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O.
    pub fn take(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Connections of a former process may still be on their way out. On Windows, the option would allow another
        // process to take a port that is in use. A free port must not be one that others have taken in this way.
        let reuse = cfg!(not(windows));
        if reuse && address.port() != 0 {
            socket.set_reuseaddr(true)?;
        }
        socket.bind(address)?;
        if reuse {
            socket.set_reuseaddr(true)?;
        }
        Ok(Self(socket))
    }

    /// The address, with the port that the system chose if it was 0.
    ///
    /// # Errors
    /// Of the system.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Begins to take connections.
    ///
    /// # Errors
    /// Of the system, if another process has begun to listen at the address meanwhile.
    pub fn listen(self) -> io::Result<TcpListener> {
        self.0.listen(1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn a_port_that_is_taken_refuses_connections_until_something_listens() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let port = Port::take(any).expect("a free port");
        let address = port.local_address().expect("bound");
        let refused = TcpStream::connect(address).await.expect_err("nothing listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let listener = port.listen().expect("nobody else listens");
        drop(TcpStream::connect(address).await.expect("something listens"));
        let taken = Port::take(address).expect_err("it is in use");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        // Another process may start at once, although connections are on their way out.
        drop((listener.accept().await, listener));
        drop(Port::take(address).expect("it is free").listen().expect("it is free"));
    }
}

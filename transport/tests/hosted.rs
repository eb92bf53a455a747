//! Hosts on tokio, with what they run on: networks and stores in memory, sockets, and stores on disk.

mod host;
mod wire;

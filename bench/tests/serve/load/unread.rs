//! Clients that do not read their replies.

use crate::harness::cluster::Cluster;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

/// The memory of a process that is in use, in MiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10
}

#[cfg_attr(not(target_os = "linux"), ignore)]
#[test]
fn replies_that_nobody_reads_share_their_value() {
    let dir = tempfile::tempdir().expect("a directory");
    let cluster = Cluster::start("multi", dir.path(), &["--nodes", "1"]);
    let (address, pid) = &cluster.members[0];
    let mut client = TcpStream::connect(address).expect("it listens");
    write!(client, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", 16 << 20).expect("written");
    client.write_all(&vec![b'x'; 16 << 20]).expect("written");
    client.write_all(b"\r\n").expect("written");
    let mut answer = [0; 5];
    client.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"+OK\r\n");
    let before = resident(*pid);
    let unread: Vec<TcpStream> = (0..60)
        .map(|_| {
            let mut client = TcpStream::connect(address).expect("it listens");
            client.write_all(b"GET k\r\n").expect("written");
            // The reply has begun.
            client.read_exact(&mut [0]).expect("answered");
            client
        })
        .collect();
    let more = resident(*pid).saturating_sub(before);
    assert!(more < 100, "{more} MiB for {} replies", unread.len());
}

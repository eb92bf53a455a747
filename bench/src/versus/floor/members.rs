//! The floor's members: a leader and its followers, each in its own thread.

use super::journal::Journal;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use tokio::sync::oneshot;

/// The unit in which members write, in bytes.
const BLOCK: usize = 4096;

/// The batch size in bytes at which the leader stops gathering. The last request may exceed it.
const BATCH: usize = 1 << 20;

/// The number of bytes that a follower reads at a time.
const READ: usize = 256 << 10;

/// A client's request, and the channel that tells the client when it is written.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    pub(super) written: oneshot::Sender<()>,
}

/// The running members.
#[derive(Debug)]
pub(super) struct Members {
    /// Sends requests to the leader.
    pub(super) leader: Sender<Request>,
    /// Receives the error that ended the leader.
    pub(super) failed: oneshot::Receiver<io::Error>,
}

/// A follower's index, and the number of batches that it has written.
type Written = (usize, u64);

/// Starts all members.
pub(super) fn start(dir: &Path, nodes: u16) -> io::Result<Members> {
    let (say, heard) = channel();
    let mut followers = Vec::new();
    for nth in 1..usize::from(nodes) {
        let (near, far) = pair()?;
        let journal = Journal::create(&dir.join(format!("n{nth}")))?;
        spawn(format!("floor-n{nth}"), move || drop(follow(far, journal)))?;
        let (ears, say) = (near.try_clone()?, say.clone());
        spawn(format!("floor-hears-n{nth}"), move || listen(ears, nth - 1, &say))?;
        followers.push(near);
    }
    let journal = Journal::create(&dir.join("n0"))?;
    let (leader, requests) = channel();
    let (fail, failed) = oneshot::channel();
    spawn("floor-n0".into(), move || {
        if let Err(error) = lead(&requests, followers, &heard, journal) {
            // If the process is ending, there is no receiver.
            _ = fail.send(error);
        }
    })?;
    Ok(Members { leader, failed })
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name).spawn(work).map(drop)
}

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

/// Runs the leader: writes one batch after another.
fn lead(
    requests: &Receiver<Request>,
    mut followers: Vec<TcpStream>,
    heard: &Receiver<Written>,
    mut journal: Journal,
) -> io::Result<()> {
    // The number of followers that form a majority with the leader.
    let needed = followers.len().div_ceil(2);
    let mut written = vec![0; followers.len()];
    let (mut batch, mut waiting, mut number) = (Vec::new(), Vec::new(), 0);
    while let Ok(first) = requests.recv() {
        number += 1;
        begin(&mut batch);
        let mut next = Some(first);
        while let Some(Request { bytes, written }) = next {
            batch.extend_from_slice(&bytes);
            waiting.push(written);
            next = if batch.len() < BATCH { requests.try_recv().ok() } else { None };
        }
        seal(&mut batch);
        for follower in &mut followers {
            follower.write_all(&batch)?;
        }
        journal.write(&batch)?;
        while written.iter().filter(|count| **count >= number).count() < needed {
            let lost = |_| io::Error::other("the followers have stopped: check whether the disk is full");
            let (nth, count) = heard.recv().map_err(lost)?;
            written[nth] = count;
        }
        for client in waiting.drain(..) {
            // A client that has disconnected no longer waits.
            _ = client.send(());
        }
    }
    Ok(())
}

/// Runs a follower: writes all complete batches that have arrived at once, and reports the total number so far.
fn follow(mut leader: TcpStream, mut journal: Journal) -> io::Result<()> {
    let (mut input, mut read, mut count) = (Vec::new(), vec![0; READ], 0_u64);
    loop {
        let length = match leader.read(&mut read)? {
            0 => return Ok(()),
            length => length,
        };
        input.extend_from_slice(&read[..length]);
        let (whole, batches) = whole(&input);
        if batches > 0 {
            journal.write(&input[..whole])?;
            input.drain(..whole);
            count += batches;
            leader.write_all(&count.to_le_bytes())?;
        }
    }
}

/// Passes on a follower's reports.
fn listen(mut follower: TcpStream, nth: usize, say: &Sender<Written>) {
    let mut count = [0; 8];
    while follower.read_exact(&mut count).is_ok() && say.send((nth, u64::from_le_bytes(count))).is_ok() {}
}

/// Begins a batch, with room for its length.
fn begin(batch: &mut Vec<u8>) {
    batch.clear();
    batch.extend_from_slice(&[0; 4]);
}

/// Pads a batch to whole blocks, and writes its length at the front.
fn seal(batch: &mut Vec<u8>) {
    batch.resize(batch.len().next_multiple_of(BLOCK), 0);
    // A batch has at most a megabyte and one request, so this fits.
    let length = batch.len() as u32;
    batch[..4].copy_from_slice(&length.to_le_bytes());
}

/// Returns the length of all complete batches at the beginning, and their number.
fn whole(bytes: &[u8]) -> (usize, u64) {
    let (mut at, mut count) = (0, 0);
    while let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        let end = at + u32::from_le_bytes(*length) as usize;
        if end > bytes.len() {
            break;
        }
        (at, count) = (end, count + 1);
    }
    (at, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_whole_blocks_and_are_found_again() {
        let (mut all, mut batch) = (Vec::new(), Vec::new());
        for length in [0, 1, BLOCK - 4, BLOCK, 3 * BLOCK] {
            begin(&mut batch);
            batch.extend_from_slice(&vec![7; length]);
            seal(&mut batch);
            assert_eq!(batch.len() % BLOCK, 0, "{length}");
            all.extend_from_slice(&batch);
        }
        assert_eq!(whole(&all), (all.len(), 5));
        assert_eq!(whole(&all[..all.len() - 1]).1, 4);
        assert_eq!(whole(&all[..3]), (0, 0));
    }

    #[test]
    fn a_request_is_answered_when_it_is_in_the_files_of_the_leader_and_of_a_majority() {
        for nodes in [1_u16, 2, 3, 4, 5] {
            let dir = tempfile::tempdir().expect("a directory");
            let members = start(dir.path(), nodes).expect("started");
            for nth in 0..3 {
                let bytes = format!("request {nth} of {nodes}").into_bytes();
                let (written, answer) = oneshot::channel();
                members.leader.send(Request { bytes: bytes.clone(), written }).expect("it leads");
                answer.blocking_recv().expect("an answer");
                let holds = |name: &String| {
                    let file = std::fs::read(dir.path().join(name)).expect("a file");
                    file[..64 * BLOCK].windows(bytes.len()).any(|part| part == bytes)
                };
                let names: Vec<String> = (0..nodes).map(|nth| format!("n{nth}")).collect();
                assert!(holds(&names[0]), "{nodes}");
                let count = names.iter().filter(|name| holds(name)).count();
                assert!(count > usize::from(nodes) / 2, "{count} of {nodes}");
            }
        }
    }
}

//! The simulator, shown with Multi-Paxos and with things deliberately broken.

mod amnesia;
mod broken;
mod changes;
mod chaos;
mod frames;
mod repeat;
mod restart;
mod runs;
mod scene;
mod sessions;
mod snapshots;
mod support;

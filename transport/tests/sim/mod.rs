//! The simulator, shown with Multi-Paxos and with deliberate errors.

mod broken;
mod chaos;
mod disks;
mod frames;
mod repeat;
mod runs;
mod scene;
mod services;
mod single;
mod support;
mod told;

//! The simulator, shown with Multi-Paxos and with things deliberately broken.

mod chaos;
mod runs;
mod support;

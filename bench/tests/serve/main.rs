//! Clusters of real processes: sockets, disks, and clients that speak the Redis protocol.

mod backup;
mod commands;
mod harness;
mod load;
mod operator;
mod redis;
mod restarts;
mod starts;
mod tls;
mod traces;
mod versus;

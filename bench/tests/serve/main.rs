//! Clusters of real processes: sockets, disks, and clients that speak the Redis protocol.

mod backup;
mod cluster;
mod commands;
mod load;
mod operator;
mod redis;
mod restarts;
mod traces;
mod versus;

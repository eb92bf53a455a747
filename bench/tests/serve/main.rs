//! Clusters of real processes: sockets, disks, and clients that speak the Redis protocol.

mod authority;
mod backup;
mod cluster;
mod commands;
mod load;
mod operator;
mod redis;
mod restarts;
mod single;
mod tls;
mod traces;
mod versus;

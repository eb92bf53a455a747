//! Addresses in the form `host:port`.

use std::net::Ipv6Addr;
use std::str::FromStr;

/// The parts of an address. Whether the host exists is checked only when it is resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub(crate) host: String,
    /// The port; 0 asks the system for a free one.
    pub(crate) port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an address; write host:port, for example 127.0.0.1:7001");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let is_host = match bracketed {
            // The system interprets a scope, as in `[fe80::1%2]`.
            Some(v6) => v6.split('%').next().is_some_and(|v6| v6.parse::<Ipv6Addr>().is_ok()),
            None => !host.is_empty() && host.bytes().all(name),
        };
        if is_host { Ok(Self { host: host.to_ascii_lowercase(), port }) } else { Err(wrong()) }
    }
}

/// Checks an address and returns it unchanged.
pub(crate) fn written(text: &str) -> Result<String, String> {
    text.parse().map(|Address { .. }| text.to_owned())
}

/// Like [`written`], for an address that another process listens on, so port 0 is refused.
pub(crate) fn reachable(text: &str) -> Result<String, String> {
    let Address { port, .. } = text.parse()?;
    if port == 0 { Err("no server listens on port 0".into()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["127.0.0.1:7001", "n0.paxos.example:7101", "[::1]:0", "paxos-0_a:65535"] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for bad in [
            "",
            ":",
            "host",
            "host:",
            ":7001",
            "host:65536",
            "host:+1",
            "::1:7001",
            "http://host:80",
            "a b:1",
            "[x]:1",
        ] {
            let error = bad.parse::<Address>().expect_err(bad);
            assert!(error.contains(&format!("`{bad}`")) && error.contains("host:port"), "{error}");
        }
    }
}

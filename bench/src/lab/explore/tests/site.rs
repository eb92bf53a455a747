//! Which requests are allowed, and what the replies are.

use crate::lab::explore::{Asked, Reply, Script, Site, named, serve};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc;

fn site() -> Site {
    Site { script: Script::of(named("no-fault").unwrap(), None, 1), port: 7800 }
}

fn ask(method: &str, path: &str, host: Option<&str>, origin: Option<&str>, body: &str) -> Reply {
    site().answer(&Asked { method, path, host, origin, body })
}

fn wanted() -> String {
    format!("{{\"script\": {}}}", site().script.write().unwrap())
}

#[test]
fn foreign_hosts_and_origins_are_refused() {
    let hosts = [
        None,
        Some("evil.example:7800"),
        Some("127.0.0.1"),
        Some("127.0.0.1:80"),
        Some("127.0.0.1:7800.evil.example"),
    ];
    for host in hosts {
        assert_eq!(ask("GET", "/", host, None, "").status, 403, "{host:?}");
        assert_eq!(ask("POST", "/run", host, None, &wanted()).status, 403, "{host:?}");
    }
    let origins = ["http://evil.example", "https://127.0.0.1:7800", "http://127.0.0.1:7801", "null", "?"];
    for origin in origins {
        let reply = ask("POST", "/run", Some("127.0.0.1:7800"), Some(origin), &wanted());
        assert_eq!(reply.status, 403, "{origin}");
    }
}

#[test]
fn the_page_and_its_runs_are_served_to_itself() {
    for host in ["127.0.0.1:7800", "localhost:7800"] {
        let page = ask("GET", "/", Some(host), None, "");
        assert_eq!((page.status, page.kind), (200, "text/html; charset=utf-8"));
        let origin = format!("http://{host}");
        let run = ask("POST", "/run", Some(host), Some(&origin), &wanted());
        assert_eq!((run.status, run.kind), (200, "application/json"));
        assert!(run.body.contains("\"frames\":["));
    }
}

#[test]
fn nothing_else_is_served() {
    for (method, path) in [("GET", "/run"), ("POST", "/"), ("GET", "/favicon.ico"), ("DELETE", "/run")] {
        assert_eq!(ask(method, path, Some("localhost:7800"), None, "").status, 404, "{method} {path}");
    }
    let wrong = ask("POST", "/run", Some("localhost:7800"), None, "{\"script\": {\"paxos-explore\": 1}}");
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.starts_with("this is not a session"), "{}", wrong.body);
}

#[test]
fn the_server_listens_on_loopback_and_checks_who_asks() {
    let (told, ready) = mpsc::channel();
    std::thread::spawn(move || serve(site().script, 0, move |at| told.send(at).unwrap()));
    let at: SocketAddr = ready.recv().unwrap();
    assert_eq!(at.ip(), IpAddr::from([127, 0, 0, 1]));
    let talk = |request: String| {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let page = talk(format!("GET / HTTP/1.1\r\nHost: {at}\r\n\r\n"));
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("content-security-policy: default-src 'none'"));
    let foreign = talk(format!("GET / HTTP/1.1\r\nHost: evil.example:{}\r\n\r\n", at.port()));
    assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
    let large = talk(format!(
        "POST /run HTTP/1.1\r\nHost: {at}\r\nContent-Length: 3000000\r\n\r\n{}",
        "x".repeat(1_100_000)
    ));
    assert!(large.starts_with("HTTP/1.1 413"), "{large}");
}

//! Tests of [`super`].

use super::*;

const GOOD: &str = "name = 'demo'\n[[members]]\nid = 0\npeer = '127.0.0.1:7101'\n";

fn wrong(text: &str) -> String {
    ClusterFile::parse(Path::new("c.toml"), text).expect_err("something is wrong").to_string()
}

#[test]
fn what_is_written_is_what_is_read() {
    let file = ClusterFile::parse(Path::new("c.toml"), GOOD).expect("it is right");
    let text = toml::to_string(&file).expect("it can be written");
    assert_eq!(ClusterFile::parse(Path::new("c.toml"), &text).expect("it is right"), file);
}

#[test]
fn a_key_that_nobody_reads_is_refused_with_one_that_looks_like_it() {
    let hint = wrong(&format!("{GOOD}[timeouts]\nelection = 5\n"));
    assert_eq!(hint, "c.toml: nothing is called `election` here; did you mean `election_ms`?");
    assert!(wrong(&format!("member = 1\n{GOOD}")).contains("did you mean `members`?"));
    assert!(wrong(&format!("{GOOD}zzz = 1\n")).ends_with("nothing is called `zzz` here"));
}

#[test]
fn the_files_for_deployment_have_a_cluster_in_them() {
    for text in [
        include_str!("../../../../docs/deploy/compose.yaml"),
        include_str!("../../../../docs/deploy/statefulset.yaml"),
    ] {
        let lines = text.lines().map(str::trim_start);
        let inner = lines.skip_while(|line| !line.starts_with("name = ")).take_while(|line| *line != "]");
        let inner: Vec<&str> = inner.chain(["]"]).collect();
        let file = ClusterFile::parse(Path::new("c.toml"), &inner.join("\n")).expect("it is right");
        assert_eq!(file.members.len(), 3);
    }
}

#[test]
fn the_page_about_the_server_has_a_file_that_is_right() {
    let page = include_str!("../../../../docs/server.md");
    let text = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).expect("a file");
    let file = ClusterFile::parse(Path::new("c.toml"), text).expect("it is right");
    assert_eq!((file.members.len(), file.spares.len()), (3, 1));
    assert_eq!(file.timeouts, Waits::default(), "it shows the defaults");
}

#[test]
fn every_process_knows_the_spares() {
    let more = |id| format!("[[spares]]\nid = {id}\npeer = 'x:{id}'\n");
    let text = format!("{GOOD}{}{}", more(3), more(4));
    let file = ClusterFile::parse(Path::new("c.toml"), &text).expect("it is right");
    let spares = |id| file.config(id, false).expect("one member is enough").spares;
    let both = [3, 4].map(NodeId).into_iter().collect();
    assert_eq!(
        (spares(3), spares(4)),
        (both, both),
        "all members that they know may be gone when they start"
    );
    assert_eq!(spares(0), both, "they may be the members by now, and remember its disk");
}

#[test]
fn what_cannot_be_is_refused() {
    assert!(wrong("name = 'x'\nmembers = []\n").contains("no member"));
    assert!(wrong(&format!("{GOOD}[[spares]]\nid = 0\npeer = 'x:1'\n")).contains("two processes"));
    assert!(wrong(&GOOD.replace("id = 0", "id = 64")).contains("0 to 63"));
    assert!(wrong(&format!("{GOOD}[timeouts]\nlease_ms = 900\n")).contains("lease_ms"));
    assert!(wrong("[[members]]\nid = 0\npeer = 'x:1'\n").contains("name"));
}

#[test]
fn two_processes_never_listen_at_one_address() {
    let two = |place: &str| wrong(&format!("{GOOD}resp = '127.0.0.1:7001'\n[[spares]]\nid = 1\n{place}\n"));
    for (place, words) in [
        ("peer = '127.0.0.1:7101'", ["`peer` of process 0", "`peer` of process 1"]),
        ("peer = '127.0.0.1:7001'", ["`resp` of process 0", "`peer` of process 1"]),
        ("peer = 'x:1'\nresp = '127.0.0.1:7001'", ["`resp` of process 0", "`resp` of process 1"]),
        ("peer = 'x:1'\nresp = 'X:1'", ["`peer` of process 1", "`resp` of process 1"]),
    ] {
        let said = two(place);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
    let free = format!("{GOOD}resp = 'x:0'\n[[spares]]\nid = 1\npeer = 'x:1'\nresp = 'x:0'\n");
    assert!(ClusterFile::parse(Path::new("c.toml"), &free).is_ok(), "port 0 is any that is free");
}

#[test]
fn an_address_is_where_somebody_can_listen() {
    for (place, words) in [
        ("peer = 'x'", ["`peer` of process 1", "host:port"]),
        ("peer = 'x:0'", ["`peer` of process 1", "port 0"]),
        ("peer = 'x:1'\nresp = 'http://x:80'", ["`resp` of process 1", "host:port"]),
    ] {
        let said = wrong(&format!("{GOOD}[[members]]\nid = 1\n{place}\n"));
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn every_wait_but_that_of_leases_has_an_end_and_a_beginning() {
    for name in WAITS.iter().filter(|name| **name != "lease_ms") {
        for wait in [0, 86_400_001] {
            let said = wrong(&format!("{GOOD}[timeouts]\n{name} = {wait}\n"));
            assert!(said.contains(&format!("{name} is {wait}")), "{said}");
        }
    }
}

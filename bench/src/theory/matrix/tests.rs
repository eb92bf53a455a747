//! Which matrix files are accepted, and the errors for all others.

use expect_test::{Expect, expect};

use super::*;

const TWO: &str = "region,a,b\na,0.1,10\nb,10.4,0.2\n";

fn read(text: &str) -> RttMatrix {
    RttMatrix::from_csv("my.csv", text).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "the expected text is written where the call is")]
fn refused(text: &str, message: Expect) {
    message.assert_eq(&RttMatrix::from_csv("my.csv", text).unwrap_err().to_string());
}

#[test]
fn the_built_in_matrix_has_13_regions_that_are_nearly_symmetric() {
    let aws = RttMatrix::aws();
    assert_eq!(aws.sites().len(), 13);
    let (east, south) = (aws.index_of("us-east-1").unwrap(), aws.index_of("ap-south-1").unwrap());
    assert_eq!((aws.rtt_ms(east, south), aws.rtt_ms(south, south)), (181.8, 0.1));
    assert_eq!(aws.one_way_us(east, south), 90_900);
    let pairs = (0..13).flat_map(|a| (0..13).map(move |b| (a, b)));
    let worst = pairs.map(|(a, b)| (aws.rtt_ms(a, b) - aws.rtt_ms(b, a)).abs()).fold(0.0, f64::max);
    assert!((worst - 0.1).abs() < 1e-9, "the documented asymmetry: {worst}");
}

#[test]
fn lines_may_come_in_any_order_and_each_direction_keeps_its_own_figure() {
    let matrix = read("region,a,b\nb,10.4,0.2\na,0.1,10\n");
    assert_eq!(matrix, read(TWO));
    assert_eq!((matrix.rtt_ms(0, 1), matrix.rtt_ms(1, 0)), (10.0, 10.4));
    assert_eq!(
        (matrix.one_way_us(0, 1), matrix.one_way_us(1, 0), matrix.one_way_us(0, 0)),
        (5_000, 5_200, 50)
    );
}

#[test]
fn what_spreadsheets_and_people_add_is_tolerated() {
    let untidy = "\u{feff}# measured at night\r\n\r\n Region , a ,\"b\"\r\n#\r\na, 0.1 ,10\r\n  b,10.4, 2e-1\r\n\r\n \r\n";
    assert_eq!(read(untidy), read(TWO));
}

#[test]
fn a_selection_keeps_the_order_it_was_given_in() {
    let some = RttMatrix::aws().select(&["ap-south-1", "us-west-2", "us-east-1"]).unwrap();
    assert_eq!(some.sites(), ["ap-south-1", "us-west-2", "us-east-1"]);
    assert_eq!((some.rtt_ms(0, 1), some.rtt_ms(1, 2), some.rtt_ms(1, 1)), (223.2, 72.5, 0.3));
}

#[test]
fn a_selection_of_an_unknown_site_lists_the_known_ones_and_suggests_the_nearest() {
    let unknown = |name: &str| read(TWO).select(&["a", name]).unwrap_err().to_string();
    expect![[r#"my.csv has no site "b1"; it has a, b: did you mean "b"?"#]].assert_eq(&unknown("b1"));
    expect![[r#"my.csv has no site "paris"; it has a, b"#]].assert_eq(&unknown("paris"));
    assert!(unknown(&"x".repeat(1_000_000)).ends_with("it has a, b"));
    let typo = RttMatrix::aws().select(&["us-wset-2"]).unwrap_err().to_string();
    assert!(typo.contains("did you mean \"us-west-2\"?") && typo.contains("ap-southeast-2"), "{typo}");
}

#[test]
fn a_selection_names_each_site_once_and_at_least_one() {
    let refused = |names: &[&str]| read(TWO).select(names).unwrap_err().to_string();
    expect![[r#"site "b" is selected twice: name each site once"#]].assert_eq(&refused(&["b", "a", "b"]));
    expect!["no site is selected: name some of those in my.csv: a, b"].assert_eq(&refused(&[]));
}

#[test]
fn an_empty_file_is_refused() {
    let message =
        "my.csv: is empty: give a first line `region,<site>,<site>,…` and then one line for each site";
    for empty in ["", "\u{feff}", "\r\n  \r\n", "# only a comment"] {
        assert_eq!(RttMatrix::from_csv("my.csv", empty).unwrap_err().to_string(), message);
    }
}

#[test]
fn the_first_line_names_the_sites() {
    refused(
        "0.1,10\n10,0.1\n",
        expect![[
            r#"my.csv: line 1, column 1: found "0.1": start with `region,<site>,<site>,…`, separated by commas"#
        ]],
    );
    refused(
        "\nregion;a;b\na;0.1;10\n",
        expect![[
            r#"my.csv: line 2, column 1: found "region;a;b": start with `region,<site>,<site>,…`, separated by commas"#
        ]],
    );
    refused(
        "region\n",
        expect![[
            r#"my.csv: line 1, column 1: found "region": start with `region,<site>,<site>,…`, separated by commas"#
        ]],
    );
    refused(
        "region,a,,c\n",
        expect![[r#"my.csv: line 1, column 3: "" is not a name: use 1 to 40 printable characters"#]],
    );
    refused(
        "region,a,b,a\n",
        expect![[r#"my.csv: line 1, column 4: site "a" occurs a second time: remove one of the two"#]],
    );
}

#[test]
fn a_name_fits_a_table_and_leaves_the_terminal_alone() {
    read(&format!("region,{0}\n{0},1\n", "é".repeat(40)));
    let refused =
        |name: &str| RttMatrix::from_csv("my.csv", &format!("region,{name}\n")).unwrap_err().to_string();
    assert!(refused(&"é".repeat(41)).contains("é…\" is not a name"));
    expect![[r#"my.csv: line 1, column 2: "a\u{1b}[31m" is not a name: use 1 to 40 printable characters"#]]
        .assert_eq(&refused("a\u{1b}[31m"));
}

#[test]
fn every_site_has_one_line() {
    refused(
        "region,a,b\na,0,1\n,1,0\n",
        expect![[r#"my.csv: line 3, column 1: "" is not a name: use 1 to 40 printable characters"#]],
    );
    refused(
        "region,left,right\nleft,0,1\nrihgt,1,0\n",
        expect![[r#"my.csv: line 3, column 1: the first line has no site "rihgt": did you mean "right"?"#]],
    );
    refused(
        "region,a,b\na,0,1\na,0,1\n",
        expect![[r#"my.csv: line 3, column 1: site "a" occurs a second time: remove one of the two"#]],
    );
    refused(
        "# two\nregion,a,b\na,0,1\n",
        expect![[r#"my.csv: line 2, column 3: there is no line for site "b": add one with its round trips"#]],
    );
}

#[test]
fn every_line_has_one_cell_for_each_column() {
    refused(
        "region,a,b\na,0,1\n# comment\n\nb,1\n",
        expect![[r#"my.csv: line 5, column 3 ("b"): no round trip: write it in milliseconds, such as 70.5"#]],
    );
    refused(
        "region,a,b\na,, 1\nb,1,0\n",
        expect![[r#"my.csv: line 2, column 2 ("a"): no round trip: write it in milliseconds, such as 70.5"#]],
    );
    refused(
        "region,a,b\na,0,1,2\nb,1,0\n",
        expect![[r#"my.csv: line 2, column 4: one cell too many ("2"): the first line has only 3"#]],
    );
}

#[test]
fn every_cell_is_a_finite_number_of_milliseconds() {
    refused(
        "region,a,b\r\na,0,1\r\nb,12x,0\r\n",
        expect![[
            r#"my.csv: line 3, column 2 ("a"): "12x" is not a number: write the round trip in milliseconds, such as 70.5"#
        ]],
    );
    refused(
        "region,a,b\na,0,-1.5\nb,1,0\n",
        expect![[r#"my.csv: line 2, column 3 ("b"): -1.5 is negative: a round trip takes 0 ms or more"#]],
    );
    refused(
        "region,a,b\na,0,NaN\nb,1,0\n",
        expect![[
            r#"my.csv: line 2, column 3 ("b"): "NaN" is not finite: leave the site out if it cannot be reached"#
        ]],
    );
    refused(
        "region,a,b\na,0,1\nb,inf,0\n",
        expect![[
            r#"my.csv: line 3, column 2 ("a"): "inf" is not finite: leave the site out if it cannot be reached"#
        ]],
    );
    refused(
        "region,a,b\na,0,7e6\nb,7e6,0\n",
        expect![[
            r#"my.csv: line 2, column 3 ("b"): 7000000 ms is more than the longest allowed, 3600000 ms: give milliseconds"#
        ]],
    );
}

#[test]
fn the_two_directions_may_differ_by_5_ms_or_a_tenth_but_no_more() {
    read("region,a,b\na,0,5\nb,0,0\n");
    read("region,a,b\na,0,200\nb,180,0\n");
    refused(
        "region,a,b\na,0,5.1\nb,0,0\n",
        expect![[
            r#"my.csv: line 3, column 2 ("a"): 0 ms, but 5.1 ms in the other direction (line 2): correct one of them"#
        ]],
    );
    refused(
        "region,a,b\nb,179.9,0\na,0,200\n",
        expect![[
            r#"my.csv: line 3, column 3 ("b"): 200 ms, but 179.9 ms in the other direction (line 2): correct one of them"#
        ]],
    );
}

#[test]
fn there_are_at_most_64_sites() {
    let names = |n: usize| (0..n).map(|i| format!("s{i}")).collect::<Vec<_>>().join(",");
    let matrix = |n: usize| {
        let rows: Vec<_> = (0..n).map(|i| format!("s{i}{}", ",1".repeat(n))).collect();
        format!("region,{}\n{}\n", names(n), rows.join("\n"))
    };
    assert_eq!(read(&matrix(64)).sites().len(), 64);
    refused(&matrix(65), expect!["my.csv: line 1: names 65 sites: keep at most 64"]);
}

#[test]
fn a_message_is_one_short_line_whatever_the_cell_says() {
    let long = format!("region,a\na,\"{}\u{1b}[31m\"\n", "9".repeat(35) + &"x".repeat(100_000));
    let message = RttMatrix::from_csv("my.csv", &long).unwrap_err().to_string();
    assert!(message.len() < 200 && !message.contains(['\n', '\u{1b}']), "{message}");
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my.csv");
    let read = || RttMatrix::from_file(&path).map_err(|error| error.to_string());
    assert!(read().unwrap_err().contains("my.csv: cannot be read ("));
    std::fs::write(&path, [0xff, 0xfe, 0]).unwrap();
    assert!(read().unwrap_err().ends_with("my.csv: is not UTF-8 text: save it as CSV in UTF-8"));
    std::fs::write(&path, vec![b'#'; 1 << 20]).unwrap();
    assert!(read().unwrap_err().contains("my.csv: is empty"), "as long as is allowed");
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(read().unwrap_err().contains("my.csv: is longer than 1048576 bytes"));
    std::fs::write(&path, TWO).unwrap();
    assert_eq!(read().unwrap().sites(), ["a", "b"]);
}

//! The work of one command.

use super::*;

/// A pattern and a key whose comparison takes the product of their lengths.
fn hard() -> (String, String) {
    (format!("*{}b", "a".repeat(1 << 15)), "a".repeat(1 << 16))
}

#[test]
fn a_pattern_that_takes_too_many_steps_is_refused_in_a_command_and_in_a_read() {
    let (pattern, key) = hard();
    let mut client = Client::default();
    client.set(&key, "v");
    let scan = Op::Scan { cursor: 0, pattern: Some(raw(&pattern)), count: 10 };
    let refused = Reply::Error(Fault::TooMuch);
    assert_eq!(client.read(&Op::Keys(raw(&pattern))), ReadResult::Seen(refused.clone()));
    assert_eq!(client.read(&scan), ReadResult::Seen(refused.clone()));
    // All operations of a command share the steps. Those that need none go on.
    let replies = client.all(&[Op::Keys(raw(&pattern)), set("k", "v"), scan.clone(), Op::Get(raw("k"))]);
    assert_eq!(replies, [refused.clone(), Reply::Ok, refused.clone(), bulk("v")]);
    assert_eq!(client.exec(&[], &[scan]), Reply::Array(vec![refused]));
    let all = client.one(&Op::Keys(raw("*")));
    assert_eq!(
        all,
        Reply::Array(vec![bulk(&key), bulk("k")].into_iter().rev().collect()),
        "the next command has its own"
    );
}

#[test]
fn a_class_counts_as_many_steps_as_it_is_long() {
    let (class, key) = (format!("*[{}]", "a".repeat(1 << 15)), "b".repeat(1 << 16));
    let mut client = Client::default();
    client.set(&key, "v");
    assert_eq!(client.one(&Op::Keys(raw(&class))), Reply::Error(Fault::TooMuch));
}

#[test]
fn looking_at_keys_takes_steps_although_none_of_them_matches() {
    let mut budget = Budget::default();
    let before = budget.taken();
    assert_eq!(budget.matches(Some(b"a*"), b"b"), Ok(false));
    assert!(budget.taken() > before + 1);
    assert_eq!(budget.matches(None, b"b"), Ok(true));
}

#[test]
fn operations_that_copy_long_values_are_limited_and_those_refused_are_to_be_tried_again() {
    let mut client = Client::default();
    client.set("long", &"x".repeat(15 << 20));
    client.set("short", "x");
    let refused = Reply::Error(Fault::Crowded);
    for op in
        [Op::Append(raw("long"), raw("x")), Op::Overwrite { key: raw("long"), offset: 5, part: raw("y") }]
    {
        let mut ops = vec![op.clone(); 140];
        ops.push(Op::Append(raw("short"), raw("x")));
        let replies = client.all(&ops);
        assert!(matches!(replies[..], [Reply::Int(_), .., Reply::Int(_)]), "{:?}", replies.last());
        assert_eq!(replies[139], refused);
        assert!(matches!(client.one(&op), Reply::Int(_)), "the next command has its own");
    }
}

/// A transaction that others leave too little room is not begun, so that it is not done by half.
#[test]
fn a_transaction_is_done_in_full_or_not_at_all_beside_the_work_of_others() {
    let mut client = Client::default();
    client.set("long", &"x".repeat(15 << 20));
    client.set("short", "x");
    for (copies, begins) in [(60, true), (90, false)] {
        let mut both = Ops::default();
        both.push(&Op::Append(raw("short"), raw("x")));
        both.push(&Op::Append(raw("other"), raw("x")));
        let mut ops = vec![Op::Append(raw("long"), raw("x")); copies];
        ops.push(Op::Exec { watched: Vec::new(), ops: Raw(both.bytes()) });
        let replies = client.all(&ops);
        assert_eq!(matches!(replies.last(), Some(Reply::Array(_))), begins, "{:?}", replies.last());
    }
}

#[test]
fn numbers_with_thousands_of_digits_are_limited() {
    let mut client = Client::default();
    client.set("n", "0.5");
    let easy = Op::AddFloat(raw("n"), raw("1e2"));
    let replies = client.all(&vec![Op::AddFloat(raw("m"), raw("1e4000")); 600]);
    assert_eq!(replies.last(), Some(&Reply::Error(Fault::Crowded)));
    let replies = client.all(&vec![easy; 4096]);
    assert_eq!(replies.last(), Some(&bulk("409600.5")));
}

//! Golden files: the bytes that this version writes, to compare with what later versions write and read.
//!
//! `UPDATE_EXPECT=1 cargo test -p paxos-bench --test formats` writes the files again.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};
use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::fs;
use std::path::PathBuf;

/// A format with its own version.
pub(crate) struct Format {
    /// The format's row in the table of the changelog.
    pub(crate) name: &'static str,
    pub(crate) version: u64,
    /// The constant with the version.
    pub(crate) constant: &'static str,
}

pub(crate) const WIRE: Format = Format {
    name: "wire",
    version: paxos_transport::WIRE_VERSION as u64,
    constant: "WIRE_VERSION in transport/src/carrier/tcp/frame.rs",
};

pub(crate) const STORE: Format = Format {
    name: "store: manifest",
    version: 8,
    constant: "FORMAT in transport/src/storage/disk/manifest.rs",
};

pub(crate) const SNAPSHOT: Format =
    Format { name: "snapshot", version: 6, constant: "VERSION in paxos-core/src/log/snapshot.rs" };

pub(crate) const KV: Format = Format {
    name: "key-value store",
    version: paxos_bench::kv::FORMAT as u64,
    constant: "FORMAT in bench/src/kv.rs",
};

/// A file that is compared with what this version writes.
pub(crate) struct Golden {
    path: PathBuf,
    constants: Vec<&'static str>,
    /// The bytes of each case in the file.
    held: BTreeMap<String, String>,
    now: String,
    names: BTreeMap<String, usize>,
    /// The differences.
    different: Vec<String>,
}

impl Golden {
    /// Opens the file with this name. Its bytes depend on the versions of these formats.
    pub(crate) fn open(name: &str, formats: &[Format]) -> Self {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/golden");
        let path = PathBuf::from(here).join(format!("{name}.txt"));
        let before = fs::read_to_string(&path).unwrap_or_default();
        let mut now = String::new();
        for Format { name, version, constant } in formats {
            let changes = include_str!("../../../CHANGELOG.md");
            let row = format!("| {name} | {version} |");
            assert!(changes.contains(&row), "the table of CHANGELOG.md has no row {row:?}: {constant}");
            // Writing to a string cannot fail.
            _ = writeln!(now, "# {name}, version {version}");
        }
        let mut held = BTreeMap::new();
        for case in before.split("\n\n") {
            let mut lines = case.lines();
            if let (Some(name), Some(bytes)) = (lines.next(), lines.next()) {
                held.insert(name.to_owned(), bytes.trim().to_owned());
            }
        }
        let constants = formats.iter().map(|format| format.constant).collect();
        Self { path, constants, held, now, names: BTreeMap::new(), different: Vec::new() }
    }

    /// Adds samples of an enum, at least one of each variant.
    pub(crate) fn each<T>(&mut self, samples: impl IntoIterator<Item = T>)
    where
        T: Serialize + Deserialize<'static> + Debug,
    {
        let (name, variants) = variants::<T>();
        let mut samples: Vec<(usize, T)> =
            samples.into_iter().map(|sample| (usize::from(encode(&sample)[0]), sample)).collect();
        samples.sort_by_key(|(variant, _)| *variant);
        for (place, variant) in variants.iter().enumerate() {
            let shown = samples.iter().any(|(variant, _)| *variant == place);
            assert!(shown, "{name}::{variant} has no sample: add one to this test");
        }
        for (variant, sample) in samples {
            self.one(&format!("{name}::{}", variants[variant]), &sample);
        }
    }

    /// Adds one sample of a type.
    pub(crate) fn one<T: Serialize + Deserialize<'static> + Debug>(&mut self, name: &str, sample: &T) {
        let bytes = encode(sample);
        let told = format!("{sample:?}");
        let read = |bytes: &[u8]| {
            // The value may borrow its bytes, so they are leaked. A test ends soon.
            let read: T = postcard::from_bytes(bytes.to_vec().leak()).ok()?;
            Some((format!("{read:?}"), encode(&read)))
        };
        let name = self.case(name, &bytes, &told);
        let Some(held) = self.held.get(&name).map(|hex| unhex(hex)) else { return };
        if held == bytes {
            assert_eq!(read(&held), Some((told, held)), "{name} is not read back as it was written");
        } else {
            let now = read(&held).map_or_else(|| "cannot be read any more".into(), |(told, _)| told);
            self.different.push(format!("{name}: the bytes of before, read by this version: {now}"));
        }
    }

    /// Adds bytes that are more than one value.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8], told: &str) {
        let name = self.case(name, bytes, told);
        if self.held.get(&name).is_some_and(|hex| unhex(hex) != bytes) {
            self.different.push(format!("{name}: other bytes"));
        }
    }

    /// Adds a case. Returns its name, with a number if the name is taken.
    fn case(&mut self, name: &str, bytes: &[u8], told: &str) -> String {
        let count = self.names.entry(name.to_owned()).or_default();
        *count += 1;
        let name = if *count == 1 { name.to_owned() } else { format!("{name} ({count})") };
        _ = write!(self.now, "\n{name}\n  {}\n  {told}\n", hex(bytes));
        name
    }

    /// Checks that the file agrees with what this version writes.
    pub(crate) fn check(self) {
        let file = self.path.display();
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&self.path, &self.now).expect("the directory is there");
            return;
        }
        let before = fs::read_to_string(&self.path).unwrap_or_default();
        if before == self.now {
            return;
        }
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let (old, new) = (lines(&before), lines(&self.now));
        let mut changed = self.different.join("\n");
        for (sign, some, others) in [('-', &old, &new), ('+', &new, &old)] {
            for line in some.iter().filter(|line| !others.contains(line)).take(20) {
                _ = write!(changed, "\n{sign} {line}");
            }
        }
        panic!(
            "{file} is not what this version writes.\n\n{changed}\n\nA changed line is another format: what was \
             written before cannot be read, or is read as something else. If that is meant, raise {}, raise it in the \
             table of CHANGELOG.md with a sentence for operators (docs/upgrades.md says what they must do), and run \
             this test with UPDATE_EXPECT=1. A line that is only new, of a new variant at the end of an enum, needs \
             the same, since older processes cannot read it.",
            self.constants.join(" or ")
        );
    }
}

pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).expect("memory")
}

/// The bytes of a case in a file that [`Golden`] wrote.
pub(crate) fn held(file: &Golden, name: &str) -> Vec<u8> {
    file.held.get(name).map(|hex| unhex(hex)).unwrap_or_default()
}

/// Bytes as text: two digits per byte, with a count for long runs of zeros.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    while let Some(byte) = rest.first() {
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        let (n, run) = if zeros > 32 { (zeros, true) } else { (1, false) };
        _ = if run { write!(text, "[{zeros}]") } else { write!(text, "{byte:02x}") };
        rest = &rest[n..];
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        if let Some((zeros, after)) = run {
            bytes.resize(bytes.len() + zeros.parse::<usize>().expect("a count of zeros"), 0);
            rest = after;
        } else {
            let (digits, after) = rest.split_at_checked(2).expect("two digits a byte");
            bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
            rest = after;
        }
    }
    bytes
}

type Variants = (&'static str, &'static [&'static str]);

/// The name of an enum and the names of its variants, from its implementation of `Deserialize`, so none can be
/// forgotten.
fn variants<T: Deserialize<'static>>() -> Variants {
    let mut seen = None;
    let error = T::deserialize(Catalogue(&mut seen)).err();
    seen.unwrap_or_else(|| panic!("no enum: {error:?}"))
}

struct Catalogue<'a>(&'a mut Option<Variants>);

impl<'de> Deserializer<'de> for Catalogue<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("something else than an enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = Some((name, variants));
        Err(Error::custom("seen"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Decodes a value that borrows nothing.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}

#[test]
fn bytes_are_told_in_digits_and_runs_of_zeros() {
    let bytes = [&[0, 1, 255][..], &[0; 100], &[7], &[0; 40]].concat();
    assert_eq!(hex(&bytes), "0001ff[100]07[40]");
    assert_eq!(unhex(&hex(&bytes)), bytes);
}

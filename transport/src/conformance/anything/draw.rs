//! Draws arbitrary readable messages: `serde` asks for the parts of a message, and each is drawn. So this can draw
//! messages of any variant, including future ones, without variant-specific code.

use core::fmt;
use paxos_core::{Ballot, Jitter, NodeId, Slot};
use serde::de::value::{SeqDeserializer, U32Deserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

/// Draws numbers that mostly fit together, and sometimes extreme ones.
#[derive(Debug)]
pub(super) struct Draw {
    dice: Jitter,
    /// The sender of what is drawn.
    speaker: NodeId,
    /// Drawn slots are mostly close to this one.
    near: u64,
    /// The last ballots that the receiving node used.
    used: Vec<Ballot>,
}

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Jitter::new(seed, NodeId(0)), speaker: NodeId(0), near: 0, used: Vec::new() }
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.dice.draw() % n
    }

    pub(super) fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    /// Sets the sender of the next messages; the receiving node knows what is chosen below `known`.
    pub(super) fn speak_as(&mut self, speaker: NodeId, known: Slot) {
        (self.speaker, self.near) = (speaker, known.index());
    }

    /// Notes a ballot that the node used.
    pub(super) fn hear(&mut self, ballot: Option<Ballot>) {
        let Some(ballot) = ballot.filter(|ballot| self.used.last() != Some(ballot)) else { return };
        if self.used.len() == 4 {
            self.used.remove(0);
        }
        self.used.push(ballot);
    }

    /// Draws a slot, a sequence number, an offset, or a time.
    pub(super) fn number(&mut self) -> u64 {
        let far = [1 << 20, (1 << 60) - 1, u64::MAX - 2, u64::MAX - 1, u64::MAX];
        match self.below(12) {
            0 => far[self.below(5) as usize],
            1..4 => self.near.saturating_add(self.below(4)),
            4 => 20_000_000 * self.below(9),
            5 => u64::MAX,
            _ => self.below(8),
        }
    }

    /// Draws the parts of a ballot, as they are encoded: round, owner, step, fast.
    fn ballot(&mut self) -> [u64; 4] {
        let step = [0, 0, 1, 2, 255][self.below(5) as usize];
        if self.flip() && !self.used.is_empty() {
            let nth = self.below(self.used.len() as u64) as usize;
            let used = self.used[nth];
            let exact = self.flip();
            let (step, fast) = if exact { (u64::from(used.step()), used.fast) } else { (step, self.flip()) };
            return [used.round(), u64::from(used.owner.0), step, u64::from(fast)];
        }
        let round = if self.below(30) == 0 { Ballot::LAST_ROUND } else { 1 + self.below(5) };
        let owner = if self.flip() { u64::from(self.speaker.0) } else { self.below(4) };
        [round, owner, step, u64::from(self.below(4) == 0)]
    }
}

/// The error for drawn parts that do not form a valid value.
#[derive(Debug)]
pub(super) struct Impossible;

impl fmt::Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was drawn cannot be")
    }
}

impl std::error::Error for Impossible {}

impl Error for Impossible {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The next parts of a value with `left` parts.
struct Parts<'a> {
    draw: &'a mut Draw,
    left: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Impossible;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Impossible> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.draw).map(Some)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Impossible;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Impossible> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Impossible> {
        seed.deserialize(&mut *self.draw)
    }
}

/// A variant of an enum.
struct Form<'a> {
    draw: &'a mut Draw,
    nth: u32,
}

impl<'de> EnumAccess<'de> for Form<'_> {
    type Error = Impossible;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Impossible> {
        let nth: U32Deserializer<Impossible> = self.nth.into_deserializer();
        Ok((seed.deserialize(nth)?, self))
    }
}

impl<'de> VariantAccess<'de> for Form<'_> {
    type Error = Impossible;

    fn unit_variant(self) -> Result<(), Impossible> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Impossible> {
        seed.deserialize(self.draw)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Impossible> {
        visitor.visit_seq(Parts { draw: self.draw, left: len })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Impossible> {
        visitor.visit_seq(Parts { draw: self.draw, left: fields.len() })
    }
}

/// Implements the primitive types: `$draw` draws each.
macro_rules! drawn {
    ($($ask:ident => $give:ident($draw:expr);)+) => {$(
        fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Impossible> {
            let draw: fn(&mut Draw) -> _ = $draw;
            visitor.$give(draw(self))
        }
    )+};
}

/// Implements types that no message has: their readers must state the type that they want.
macro_rules! never {
    ($($ask:ident)+) => {$(
        fn $ask<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Impossible> {
            Err(Impossible)
        }
    )+};
}

impl<'de> Deserializer<'de> for &mut Draw {
    type Error = Impossible;

    drawn! {
        deserialize_bool => visit_bool(Draw::flip);
        deserialize_i8 => visit_i8(|draw| (draw.number() as u8).cast_signed());
        deserialize_i16 => visit_i16(|draw| (draw.number() as u16).cast_signed());
        deserialize_i32 => visit_i32(|draw| (draw.number() as u32).cast_signed());
        deserialize_i64 => visit_i64(|draw| draw.number().cast_signed());
        deserialize_f32 => visit_f32(|draw| draw.number() as f32);
        deserialize_f64 => visit_f64(|draw| draw.number() as f64);
        deserialize_char => visit_char(|draw| char::from(draw.below(128) as u8));
        deserialize_u8 => visit_u8(|draw| draw.below(8) as u8);
        deserialize_u16 => visit_u16(|draw| draw.below(7) as u16);
        deserialize_u32 => visit_u32(|draw| draw.below(3) as u32);
        deserialize_u64 => visit_u64(Draw::number);
        deserialize_u128 => visit_u128(|draw| u128::from(draw.number()));
        deserialize_bytes => visit_byte_buf(|draw| vec![1; draw.below(5) as usize]);
        deserialize_byte_buf => visit_byte_buf(|draw| vec![1; draw.below(5) as usize]);
        deserialize_str => visit_str(|_| "drawn");
        deserialize_string => visit_str(|_| "drawn");
    }

    never! {
        deserialize_any deserialize_ignored_any deserialize_identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Impossible> {
        if self.flip() { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Impossible> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Impossible> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Impossible> {
        if name == "NodeSet" {
            let set = self.below(128);
            let set: serde::de::value::U64Deserializer<Impossible> = set.into_deserializer();
            return visitor.visit_newtype_struct(set);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Impossible> {
        let left = self.below(5) as usize;
        visitor.visit_seq(Parts { draw: self, left })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Impossible> {
        visitor.visit_seq(Parts { draw: self, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Impossible> {
        visitor.visit_seq(Parts { draw: self, left: len })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Impossible> {
        let left = self.below(4) as usize;
        visitor.visit_map(Parts { draw: self, left })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Impossible> {
        if name == "Ballot" {
            return visitor.visit_seq(SeqDeserializer::new(self.ballot().into_iter().map(Number)));
        }
        visitor.visit_seq(Parts { draw: self, left: fields.len() })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Impossible> {
        let mut nth = self.below(variants.len() as u64) as u32;
        if name == "Message" && self.flip() {
            // Half of the messages are those of the variant itself.
            let own = ["Prepare", "Promise", "Accept", "Accepted", "Decide"][self.below(5) as usize];
            nth = variants.iter().position(|variant| *variant == own).unwrap_or(0) as u32;
        }
        visitor.visit_enum(Form { draw: self, nth })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// A part with a known value, whatever type it is read as.
struct Number(u64);

impl IntoDeserializer<'_, Impossible> for Number {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Number {
    type Error = Impossible;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Impossible> {
        visitor.visit_u64(self.0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Impossible> {
        visitor.visit_bool(self.0 != 0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Impossible> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

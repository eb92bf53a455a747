//! Protocols from their parts: a variant's own, and those that exchange some of its roles.

/// Names the associated types of a [`Protocol`](crate::Protocol) over these values, except `Reply` and `Options`. All
/// variants call their messages, records and roles alike, so each associated type is the type of its own name.
#[macro_export]
macro_rules! types_by_name {
    ($value:ident) => {
        type Value = $value;
        type Prepare = Prepare;
        type Promise = Promise<$value>;
        type Accept = Accept<$value>;
        type Accepted = Accepted<$value>;
        type Decision = Decision<$value>;
        type Record = Record<$value>;
        type Client = Client<$value>;
        type Proposer = Proposer<$value>;
        type Acceptor = Acceptor<$value>;
        type Learner = Learner<$value>;
        type Leader = Leader;
    };
}

/// Defines a trait of every protocol with the messages and records of a variant, again by their names, and with these
/// options. If roles are written for any such protocol, [`variations!`](crate::variations) can replace one of them and
/// keep the others.
#[macro_export]
macro_rules! dialect {
    ($(#[$doc:meta])* $visible:vis trait $name:ident where Options = $options:ty) => {
        $crate::dialect! { @ $(#[$doc])* $visible trait $name: $crate::Protocol<
            Value = V,
            Options = $options,
            Prepare = Prepare,
            Promise = Promise<V>,
            Accept = Accept<V>,
            Accepted = Accepted<V>,
            Decision = Decision<V>,
            Record = Record<V>,
        > }
    };
    (@ $(#[$doc:meta])* $visible:vis trait $name:ident: $($protocol:tt)+) => {
        $(#[$doc])*
        $visible trait $name<V: $crate::Value>: $($protocol)+ {}
        impl<V: $crate::Value, P: $($protocol)+> $name<V> for P {}
    };
}

/// Defines protocols that are a given one with another proposer, acceptor and learner: for experiments, and for tests
/// that make one mistake at a time.
#[macro_export]
macro_rules! variations {
    ($protocol:ty { $($name:ident: $proposer:ty, $acceptor:ty, $learner:ty;)+ }) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        struct $name;

        impl $crate::Protocol for $name {
            const NAME: &'static str = stringify!($name);
            const CHANGES: bool = <$protocol as $crate::Protocol>::CHANGES;
            type Value = <$protocol as $crate::Protocol>::Value;
            type Reply = <$protocol as $crate::Protocol>::Reply;
            type Options = <$protocol as $crate::Protocol>::Options;
            type Prepare = <$protocol as $crate::Protocol>::Prepare;
            type Promise = <$protocol as $crate::Protocol>::Promise;
            type Accept = <$protocol as $crate::Protocol>::Accept;
            type Accepted = <$protocol as $crate::Protocol>::Accepted;
            type Decision = <$protocol as $crate::Protocol>::Decision;
            type Record = <$protocol as $crate::Protocol>::Record;
            type Client = <$protocol as $crate::Protocol>::Client;
            type Proposer = $proposer;
            type Acceptor = $acceptor;
            type Learner = $learner;
            type Leader = <$protocol as $crate::Protocol>::Leader;

            fn hears_votes(
                setup: &$crate::Setup<Self::Options>,
                ballot: $crate::Ballot,
            ) -> $crate::NodeSet {
                <$protocol as $crate::Protocol>::hears_votes(setup, ballot)
            }
        }
    )+};
}

//! An event's arguments, while they wait.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

/// An event's first arguments as they were written: parsed, some would take many times their size while they wait.
#[derive(Debug)]
pub struct EventArgs(Vec<Box<RawValue>>);

/// No event has more arguments than two; what comes after these is not kept.
const ARGS_MAX: usize = 4;

impl EventArgs {
    /// Their size.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|arg| arg.get().len()).sum()
    }

    /// The arguments themselves.
    #[must_use]
    pub fn parse(&self) -> Vec<Value> {
        // They were read as JSON; what it cannot hold (a number beyond its range) counts as null.
        self.0.iter().map(|arg| serde_json::from_str(arg.get()).unwrap_or_default()).collect()
    }
}

/// The parser gives an event's arguments one by one only to a type that is a tuple; this one takes any number.
impl<'de> Deserialize<'de> for EventArgs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All<'de>(PhantomData<&'de ()>);

        impl<'de> Visitor<'de> for All<'de> {
            type Value = EventArgs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event's arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut args: A) -> Result<EventArgs, A::Error> {
                let mut first = Vec::new();
                while first.len() < ARGS_MAX {
                    let Some(arg) = args.next_element()? else { return Ok(EventArgs(first)) };
                    first.push(arg);
                }
                while args.next_element::<IgnoredAny>()?.is_some() {}
                Ok(EventArgs(first))
            }
        }

        deserializer.deserialize_tuple_struct("Args", usize::MAX, All(PhantomData))
    }
}

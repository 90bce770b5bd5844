//! What the value of a field, a parameter or a cookie must be.

use regex::bytes::Regex;

use crate::config::{self, Named};
use crate::routing::regexp;

/// Several descriptions, any of which may fit.
#[derive(Debug)]
pub(crate) struct Values(Box<[Value]>);

#[derive(Debug)]
enum Value {
    Text(Box<str>),
    Regexp(Regex),
    Present,
    Absent,
}

impl Values {
    /// Reads them. The error says what to write instead.
    pub(super) fn compile(named: &Named) -> Result<Self, String> {
        let compiled: Result<_, String> = named
            .values
            .iter()
            .map(|value| {
                Ok(match value {
                    config::Value::Text(text) => Value::Text(text.as_str().into()),
                    config::Value::Regexp(regexp) => Value::Regexp(regexp::compile(regexp)?),
                    config::Value::Present(true) => Value::Present,
                    config::Value::Present(false) => Value::Absent,
                })
            })
            .collect();
        compiled.map(Self)
    }

    /// Whether one of them fits what is there.
    pub(super) fn hold(&self, mut found: impl Iterator<Item = impl AsRef<[u8]>>) -> bool {
        let Some(first) = found.next() else { return self.0.iter().any(|value| matches!(value, Value::Absent)) };
        let fits = |bytes: &[u8]| {
            self.0.iter().any(|value| match value {
                Value::Text(text) => text.as_bytes() == bytes,
                Value::Regexp(regex) => regex.is_match(bytes),
                Value::Present => true,
                Value::Absent => false,
            })
        };
        fits(first.as_ref()) || found.any(|value| fits(value.as_ref()))
    }

    /// Whether whatever `other` takes is taken. `false` may also mean that this cannot be said.
    pub(super) fn cover(&self, other: &Values) -> bool {
        other.0.iter().all(|narrow| {
            self.0.iter().any(|wide| match (wide, narrow) {
                (Value::Text(a), Value::Text(b)) => a == b,
                (Value::Regexp(a), Value::Regexp(b)) => a.as_str() == b.as_str(),
                (Value::Regexp(a), Value::Text(b)) => a.is_match(b.as_bytes()),
                (Value::Present, narrow) => !matches!(narrow, Value::Absent),
                (Value::Absent, Value::Absent) => true,
                _ => false,
            })
        })
    }
}

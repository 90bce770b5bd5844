//! Conditions on the value of a field, a parameter or a cookie.

use regex::bytes::Regex;

use crate::config::{self, NamedCondition};
use crate::routing::regexp;

/// Alternatives, of which one must match.
#[derive(Debug)]
pub(crate) struct Values(Box<[ValueTest]>);

#[derive(Debug)]
enum ValueTest {
    Text(Box<str>),
    Regexp(Regex),
    Present,
    Absent,
}

impl Values {
    /// Compiles the alternatives. The error says what to write instead.
    pub(super) fn compile(named: &NamedCondition) -> Result<Self, String> {
        let compiled: Result<_, String> = named
            .values
            .iter()
            .map(|value| {
                Ok(match value {
                    config::WantedValue::Text(text) => ValueTest::Text(text.as_str().into()),
                    config::WantedValue::Regexp(regexp) => ValueTest::Regexp(regexp::compile(regexp)?),
                    config::WantedValue::Present(true) => ValueTest::Present,
                    config::WantedValue::Present(false) => ValueTest::Absent,
                })
            })
            .collect();
        compiled.map(Self)
    }

    /// Whether an alternative matches one of the values in `found`.
    pub(super) fn hold(&self, mut found: impl Iterator<Item = impl AsRef<[u8]>>) -> bool {
        let Some(first) = found.next() else { return self.0.iter().any(|value| matches!(value, ValueTest::Absent)) };
        let fits = |bytes: &[u8]| {
            self.0.iter().any(|value| match value {
                ValueTest::Text(text) => text.as_bytes() == bytes,
                ValueTest::Regexp(regex) => regex.is_match(bytes),
                ValueTest::Present => true,
                ValueTest::Absent => false,
            })
        };
        fits(first.as_ref()) || found.any(|value| fits(value.as_ref()))
    }

    /// Whether these accept every value that `other` accepts. `false` may also mean "unknown".
    pub(super) fn cover(&self, other: &Values) -> bool {
        other.0.iter().all(|narrow| {
            self.0.iter().any(|wide| match (wide, narrow) {
                (ValueTest::Text(a), ValueTest::Text(b)) => a == b,
                (ValueTest::Regexp(a), ValueTest::Regexp(b)) => a.as_str() == b.as_str(),
                (ValueTest::Regexp(a), ValueTest::Text(b)) => a.is_match(b.as_bytes()),
                (ValueTest::Present, narrow) => !matches!(narrow, ValueTest::Absent),
                (ValueTest::Absent, ValueTest::Absent) => true,
                _ => false,
            })
        })
    }
}

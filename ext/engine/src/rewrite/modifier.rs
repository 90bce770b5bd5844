//! Modifiers behind a name: `{path|strip_prefix:/api|replace:_,-}`.

use memchr::memmem;

use crate::suggestion::did_you_mean;

/// A change to a value.
#[derive(Debug, Clone)]
pub(super) enum Modifier {
    StripPrefix(Box<[u8]>),
    StripSuffix(Box<[u8]>),
    /// Replaces every occurrence of the first text by the second.
    Replace(Box<memmem::Finder<'static>>, Box<[u8]>),
}

const NAMES: [&str; 3] = ["strip_prefix", "strip_suffix", "replace"];

impl Modifier {
    /// Parses `name:argument`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, argument) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let needs = |example: &str| format!("the modifier {name} needs an argument: write {example}");
        match name {
            "strip_prefix" | "strip_suffix" => {
                let text = argument.filter(|text| !text.is_empty()).ok_or_else(|| needs(&format!("{name}:TEXT")))?;
                let text = text.as_bytes().into();
                Ok(if name == "strip_prefix" { Modifier::StripPrefix(text) } else { Modifier::StripSuffix(text) })
            }
            "replace" => {
                let (from, to) = argument
                    .and_then(|argument| argument.split_once(','))
                    .filter(|(from, _)| !from.is_empty())
                    .ok_or_else(|| needs("replace:FROM,TO"))?;
                let finder = memmem::Finder::new(from.as_bytes()).into_owned();
                Ok(Modifier::Replace(Box::new(finder), to.as_bytes().into()))
            }
            _ => Err(format!("{name:?} is not a valid modifier {}", did_you_mean(name, &NAMES))),
        }
    }

    /// Changes the value in `out` from `start` on.
    pub(super) fn apply(&self, out: &mut Vec<u8>, start: usize) {
        match self {
            Modifier::StripPrefix(prefix) => {
                if out[start..].starts_with(prefix) {
                    out.drain(start..start + prefix.len());
                }
            }
            Modifier::StripSuffix(suffix) => {
                if out[start..].ends_with(suffix) {
                    out.truncate(out.len() - suffix.len());
                }
            }
            Modifier::Replace(from, to) => replace(out, start, from, to),
        }
    }
}

/// Replaces every occurrence. The new text is appended behind the old one, which is then removed, so no second buffer
/// is needed.
fn replace(out: &mut Vec<u8>, start: usize, from: &memmem::Finder<'_>, to: &[u8]) {
    let end = out.len();
    let mut done = start;
    while let Some(found) = from.find(&out[done..end]) {
        out.extend_from_within(done..done + found);
        out.extend_from_slice(to);
        done += found + from.needle().len();
    }
    if done > start {
        out.extend_from_within(done..end);
        out.drain(start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_change_the_value_and_nothing_before_it() {
        for (modifier, value, changed) in [
            ("strip_prefix:/api", "/api/x", "/x"),
            ("strip_prefix:/api", "/x/api", "/x/api"),
            ("strip_suffix:.html", "/a.html", "/a"),
            ("strip_suffix:.html", "/a.htm", "/a.htm"),
            ("replace:a,b", "banana", "bbnbnb"),
            ("replace:aa,a", "aaaaa", "aaa"),
            ("replace:x,y", "banana", "banana"),
            ("replace:n,", "banana", "baaa"),
            ("replace:a,,", "aba", ",b,"),
            ("replace:a,aa", "a", "aa"),
            ("replace::,;", "a:b", "a;b"),
        ] {
            let mut out = format!("/api:{value}").into_bytes();
            Modifier::parse(modifier).expect(modifier).apply(&mut out, 5);
            assert_eq!(String::from_utf8_lossy(&out), format!("/api:{changed}"), "{modifier} on {value}");
        }
    }

    #[test]
    fn mistakes_say_what_to_write() {
        let all = "There are strip_prefix, strip_suffix, replace";
        for (text, message) in [
            ("strip_prefx:a", format!("\"strip_prefx\" is not a valid modifier (did you mean strip_prefix? {all})")),
            ("upcase", "\"upcase\" is not a valid modifier (there are strip_prefix, strip_suffix, replace)".into()),
            ("strip_suffix", "the modifier strip_suffix needs an argument: write strip_suffix:TEXT".into()),
            ("strip_prefix:", "the modifier strip_prefix needs an argument: write strip_prefix:TEXT".into()),
            ("replace:a", "the modifier replace needs an argument: write replace:FROM,TO".into()),
            ("replace:,b", "the modifier replace needs an argument: write replace:FROM,TO".into()),
        ] {
            assert_eq!(Modifier::parse(text).map(|_| ()), Err(message), "{text}");
        }
    }
}

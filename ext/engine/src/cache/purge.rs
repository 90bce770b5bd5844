//! What is to be purged.

use super::key;

/// What a purge means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purge {
    /// All that is stored.
    All,
    /// One URL, or all URLs or paths that match a pattern with `*`.
    Url(Box<str>),
    /// The responses with a tag.
    Tag(Box<str>),
}

impl Purge {
    /// The purge of a URL or a pattern. The error is for a person.
    pub(crate) fn url(text: &str) -> Result<Self, String> {
        if text.starts_with('/') || text == "*" {
            return Ok(Self::Url(text.into()));
        }
        let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| !scheme.is_empty()) else {
            return Err(format!(
                "{text:?} is no URL: write one such as \"https://example.com/x\", or a path such as \"/x*\""
            ));
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?', '*']).unwrap_or(rest.len()));
        let mut url = Vec::new();
        let root = if path.starts_with(['/', '*']) { "" } else { "/" };
        key::push_url(&mut url, &scheme.to_ascii_lowercase(), authority.as_bytes(), root.as_bytes(), path.as_bytes());
        Ok(Self::Url(String::from_utf8_lossy(&url).into()))
    }

    /// Whether it means all responses for a key.
    pub(super) fn means(&self, key: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Url(pattern) => matches(pattern.as_bytes(), key::url(key)),
            Self::Tag(_) => false,
        }
    }
}

impl std::fmt::Display for Purge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Url(url) => url.escape_debug().fmt(f),
            Self::Tag(tag) => write!(f, "the tag {:?}", tag),
        }
    }
}

/// Whether a URL is the one that a purge names. A pattern that begins with `/` means every host; `*` stands for any
/// text.
fn matches(pattern: &[u8], url: &[u8]) -> bool {
    let subject = match pattern.first() {
        Some(b'/') => memchr::memmem::find(url, b"://")
            .and_then(|at| memchr::memchr(b'/', &url[at + 3..]).map(|path| &url[at + 3 + path..]))
            .unwrap_or_default(),
        _ => url,
    };
    let mut parts = pattern.split(|byte| *byte == b'*');
    let Some(mut rest) = parts.next().and_then(|first| subject.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = memchr::memmem::find(rest, part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_names_a_url_as_keys_do() {
        for (text, url) in [
            ("HTTPS://A.example:443/X?y#z", Some("https://a.example/X?y")),
            ("http://a.example", Some("http://a.example/")),
            ("http://a.example?x", Some("http://a.example/?x")),
            ("http://*.example/x", Some("http://*.example/x")),
            ("/x*", Some("/x*")),
            ("*", Some("*")),
            ("x", None),
            ("://x", None),
        ] {
            assert_eq!(Purge::url(text).ok(), url.map(|url| Purge::Url(url.into())), "{text}");
        }
    }

    #[test]
    fn patterns_have_stars() {
        for (pattern, url, matching) in [
            ("http://a/x", "http://a/x", true),
            ("http://a/x", "http://a/xy", false),
            ("http://a/*", "http://a/x/y?z", true),
            ("/assets/*.css", "https://b:8080/assets/a.css", true),
            ("/assets/*.css", "https://b/assets/a.css.map", false),
            ("/a*b*b", "http://h/a-b", false),
            ("/a*b*b", "http://h/a-b-b", true),
            ("*", "http://h/", true),
            ("/", "http://h/", true),
            ("/", "http://h/x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), url.as_bytes()), matching, "{pattern} {url}");
        }
    }
}

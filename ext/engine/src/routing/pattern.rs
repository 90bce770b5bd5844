//! What a location's pattern matches.

/// A pattern of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `/about`: that path.
    Exact(Box<[u8]>),
    /// `/api/*`: everything below `/api/`. The prefix ends in a slash.
    Below(Box<[u8]>),
}

impl Pattern {
    /// Reads a pattern. The error says what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!(
                "{text:?} is no path: begin it with a slash, as in \"/{}\"",
                text.trim_start_matches('*')
            ));
        }
        possible(text)?;
        match text.strip_suffix('*') {
            Some(prefix) if prefix.contains('*') => Err(format!("{text:?} has more than one *: write one, at the end")),
            Some(prefix) if prefix.ends_with('/') => Ok(Pattern::Below(prefix.as_bytes().into())),
            Some(_) => {
                Err(format!("{text:?} has a * that is not a whole segment: write it behind a slash, as in \"/api/*\""))
            }
            None if text.contains('*') => {
                Err(format!("{text:?} has a * in the middle: write one at the end, as in \"/api/*\""))
            }
            None => Ok(Pattern::Exact(without_trailing_slash(text.as_bytes()).into())),
        }
    }

    /// Whether `path` matches. A trailing slash of the path does not decide.
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        match self {
            Pattern::Exact(exact) => without_trailing_slash(path) == &**exact,
            Pattern::Below(prefix) => path.starts_with(prefix),
        }
    }
}

/// Refuses a pattern that no path of a request can match, for it was surely meant otherwise.
fn possible(text: &str) -> Result<(), String> {
    if text.contains('?') {
        return Err(format!("{text:?} has a query, which is no part of a path: leave out ? and what follows"));
    }
    if let Some(odd) = text.chars().find(|c| !matches!(c, '!'..='~') || matches!(c, '#' | '"' | '<' | '>' | '\\')) {
        return Err(format!(
            "{text:?} holds {odd:?}, which no path holds: write it percent-encoded, as a client sends it"
        ));
    }
    let mut segments = text.split('/');
    if segments.clone().any(|segment| matches!(segment, "." | "..")) {
        return Err(format!("{text:?} has a dot segment, and a path is matched without them: leave it out"));
    }
    if segments.any(|segment| segment.starts_with(':')) {
        return Err(format!("{text:?} names a capture, which is not available in this version: write a path, or a prefix such as \"/users/*\""));
    }
    Ok(())
}

fn without_trailing_slash(path: &[u8]) -> &[u8] {
    match path {
        [rest @ .., b'/'] if !rest.is_empty() => rest,
        path => path,
    }
}

/// Whether `path` is `prefix` or stands below it, segment by segment: `/api` takes `/api` and `/api/x`, not `/apis`.
pub(crate) fn is_at_or_below(path: &[u8], prefix: &[u8]) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')) || prefix.ends_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_they_say() {
        for (pattern, path, matches) in [
            ("/about", "/about", true),
            ("/about", "/about/", true),
            ("/about/", "/about", true),
            ("/about", "/about/us", false),
            ("/about", "/aboutus", false),
            ("/", "/", true),
            ("/", "/x", false),
            ("/api/*", "/api/", true),
            ("/api/*", "/api/x/y", true),
            ("/api/*", "/api", false),
            ("/api/*", "/apix", false),
            ("/*", "/anything", true),
        ] {
            let compiled = Pattern::parse(pattern).expect(pattern);
            assert_eq!(compiled.matches(path.as_bytes()), matches, "{pattern} {path}");
        }
    }

    #[test]
    fn patterns_that_mean_nothing_are_refused() {
        for pattern in [
            "",
            "about",
            "*",
            "/a*",
            "/a/*/b",
            "/*/*",
            "/a?b",
            "/a b",
            "/ä",
            "/a#b",
            "/a\\b",
            "/a/../b",
            "/./a",
            "/users/:id",
            "/:id/*",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        for (path, prefix, below) in [
            ("/api", "/api", true),
            ("/api/x", "/api", true),
            ("/apis", "/api", false),
            ("/x", "/", true),
            ("/", "/", true),
        ] {
            assert_eq!(is_at_or_below(path.as_bytes(), prefix.as_bytes()), below, "{path} {prefix}");
        }
    }
}

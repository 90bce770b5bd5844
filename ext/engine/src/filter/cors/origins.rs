//! Origins whose pages may send requests.

use proxy_http::message::check_authority;

use crate::compile::Report;

/// A set of origins.
#[derive(Debug, Default)]
pub(super) struct Origins {
    any: bool,
    /// Complete origins such as `https://app.example.com`, in lower case as browsers send it.
    exact: Vec<Box<[u8]>>,
    below: Vec<Below>,
}

/// All subdomains of a host: `https://` and `.example.com` of `https://*.example.com`.
#[derive(Debug)]
struct Below {
    scheme: Box<[u8]>,
    suffix: Box<[u8]>,
}

impl Origins {
    pub(super) fn compile(texts: &[String], report: &mut Report<'_>) -> Self {
        let mut origins = Self::default();
        for text in texts {
            report.ok(origins.add(text));
        }
        if origins.any && texts.len() > 1 {
            report.error("\"*\" already means all: leave out the others");
        }
        origins
    }

    /// Whether every origin is in the set.
    pub(super) fn is_any(&self) -> bool {
        self.any
    }

    /// Whether this origin is in the set.
    pub(super) fn contain(&self, origin: &[u8]) -> bool {
        self.any
            || self.exact.iter().any(|exact| **exact == *origin)
            || self.below.iter().any(|Below { scheme, suffix }| {
                let name = origin.strip_prefix(&**scheme).and_then(|host| host.strip_suffix(&**suffix));
                name.is_some_and(|name| !name.is_empty() && name.iter().all(|b| is_host_byte(*b)))
            })
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        if text == "*" {
            self.any = true;
            return Ok(());
        }
        let lower = text.to_ascii_lowercase();
        let no_origin = |write: &str| format!("{text:?} is not a valid origin: write {write}");
        let (scheme, host) =
            lower.split_once("://").ok_or_else(|| no_origin("one such as \"https://app.example.com\", or \"*\""))?;
        let bare = host.split(['/', '?', '#']).next().unwrap_or_default();
        if bare != host {
            return Err(no_origin(&format!("\"{scheme}://{bare}\", without a path")));
        }
        // Browsers leave the scheme's default port out.
        let usual = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        let host = host.strip_suffix(usual).unwrap_or(host);
        let named = host.strip_prefix("*.").unwrap_or(host);
        let is_scheme = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) && !scheme.is_empty();
        if !is_scheme || check_authority(named.as_bytes()).is_err() || named.ends_with(':') {
            return Err(no_origin(
                "a scheme and a host, such as \"https://app.example.com\" or \"https://*.example.com\"",
            ));
        }
        if named == host {
            self.exact.push(format!("{scheme}://{host}").into_bytes().into());
        } else {
            let scheme = format!("{scheme}://").into_bytes().into();
            self.below.push(Below { scheme, suffix: format!(".{named}").into_bytes().into() });
        }
        Ok(())
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(texts: &[&str]) -> (Origins, Vec<String>) {
        let mut problems = Vec::new();
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        let origins = Origins::compile(&texts, &mut Report::new("cors", None, &mut problems));
        (origins, problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let (origins, problems) = origins(&[
            "https://app.example.com",
            "HTTPS://Shop.example.com:443",
            "http://localhost:3000",
            "https://*.wild.example",
            "http://[::1]:8080",
        ]);
        assert_eq!(problems, [""; 0]);
        for (origin, inside) in [
            ("https://app.example.com", true),
            ("https://shop.example.com", true),
            ("http://localhost:3000", true),
            ("http://[::1]:8080", true),
            ("https://a.wild.example", true),
            ("https://a.b.wild.example", true),
            ("http://app.example.com", false),
            ("https://app.example.com:8443", false),
            ("https://app.example.com.evil.example", false),
            ("https://evil-app.example.com", false),
            ("https://wild.example", false),
            ("https://.wild.example", false),
            ("http://a.wild.example", false),
            ("https://evil.example/.wild.example", false),
            ("https://evil.example#.wild.example", false),
            ("https://u@a.wild.example", false),
            ("https://a.wild.example:8443", false),
            ("http://localhost:3001", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origins.contain(origin.as_bytes()), inside, "{origin}");
        }
    }

    #[test]
    fn everybody_is_everybody() {
        let (origins, problems) = origins(&["*"]);
        assert!(problems.is_empty() && origins.is_any() && origins.contain(b"null"));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_a_remedy() {
        for (texts, message) in [
            (
                &["app.example.com"][..],
                "\"app.example.com\" is not a valid origin: write one such as \"https://app.example.com\", or \"*\"",
            ),
            (&["null"], "\"null\" is not a valid origin: write one such as \"https://app.example.com\", or \"*\""),
            (
                &["https://a.example/"],
                "\"https://a.example/\" is not a valid origin: write \"https://a.example\", without a path",
            ),
            (&["https://"], "\"https://\" is not a valid origin: write a scheme and a host"),
            (&["https://*"], "\"https://*\" is not a valid origin: write a scheme and a host"),
            (&["https://a.*.example"], "\"https://a.*.example\" is not a valid origin: write a scheme and a host"),
            (&["https://u@a.example"], "\"https://…@a.example\" is not a valid origin: write a scheme and a host"),
            (&["*", "https://a.example"], "\"*\" already means all: leave out the others"),
        ] {
            let (_, problems) = origins(texts);
            assert_eq!(problems.len(), 1, "{texts:?}: {problems:?}");
            assert!(problems[0].starts_with(message), "{texts:?}: {problems:?}");
        }
    }
}

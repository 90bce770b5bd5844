//! `redirect`: sends the client to another URL.

use serde::{Deserialize, Serialize};

use super::Handling;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::error::Cause;
use crate::request::{Exchange, OwnAnswer, Verdict};
use crate::rewrite::{RenderedTarget, RequestValues, TargetTemplate};

/// `redirect to: "https://{host}{path}{query}", type: "permanent"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedirectConfig {
    /// Target of the redirect: an absolute URL or a path, a string rewrite.
    pub to: Option<String>,
    /// Type of the redirect: `permanent`, `temporary`, `moved_permanently` or `found`.
    #[serde(rename = "type")]
    pub kind: String,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for RedirectConfig {
    fn default() -> Self {
        Self { to: None, kind: "found".into(), at: None }
    }
}

/// A redirect, compiled.
#[derive(Debug)]
pub(crate) struct Redirect {
    status: u16,
    /// Scheme and `://`; empty if the target is a path.
    scheme: &'static str,
    target: TargetTemplate,
    /// Fragment with its `#`, or empty.
    fragment: Box<str>,
}

const TYPES: [(&str, u16); 4] = [("permanent", 308), ("temporary", 307), ("moved_permanently", 301), ("found", 302)];

impl Handling for Redirect {
    type Config = RedirectConfig;

    fn compile(config: &RedirectConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let status = report.within("type").one_of(&config.kind, "is not a type of redirect", &TYPES);
        let parts = match &config.to {
            Some(to) => report.within("to").ok(parts(to)),
            None => report.ok(Err("`to` is missing: write to: \"https://{host}{path}{query}\"")),
        };
        let (scheme, target, fragment) = parts?;
        report.within("to").warnings(target.warnings(&compiler.captures.names()));
        Some(Self { status: status?, scheme, target, fragment })
    }

    fn foretell(&self, values: &RequestValues<'_>) -> Option<OwnAnswer> {
        let (mut target, mut location) = (RenderedTarget::default(), Vec::new());
        if self.target.render(values, &mut target).is_err() {
            return Some(OwnAnswer::status(Cause::NoRedirectTarget.status()));
        }
        self.write_location(&target, &mut location);
        Some(OwnAnswer::redirect(self.status, &location))
    }

    /// Answers with the redirect. If the values of the request do not make a valid URL, the request is refused.
    async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
        let mut target = std::mem::take(&mut exchange.work.target);
        let rendered = self.target.render(&exchange.scope(exchange.work.request.path()), &mut target);
        let mut fields = b"Location: ".to_vec();
        self.write_location(&target, &mut fields);
        fields.extend_from_slice(b"\r\nContent-Length: 0\r\n");
        exchange.work.target = target;
        match rendered {
            Ok(()) => exchange.answer(self.status, &fields, b"").await,
            Err(why) => {
                exchange.debug(format_args!("redirect: {why}"));
                exchange.fail(Cause::NoRedirectTarget).await
            }
        }
    }
}

impl Redirect {
    fn write_location(&self, target: &RenderedTarget, out: &mut Vec<u8>) {
        out.extend_from_slice(self.scheme.as_bytes());
        out.extend_from_slice(&target.authority);
        let path = match &target.path_and_query[..] {
            b"*" => b"/",
            // `//host` would be another site.
            path if self.scheme.is_empty() => {
                let slashes = path.iter().take_while(|byte| **byte == b'/').count();
                &path[slashes.saturating_sub(1)..]
            }
            path => path,
        };
        out.extend_from_slice(path);
        out.extend_from_slice(self.fragment.as_bytes());
    }
}

/// Scheme, target and fragment.
fn parts(to: &str) -> Result<(&'static str, TargetTemplate, Box<str>), String> {
    let (text, fragment) = to.split_at(to.find('#').unwrap_or(to.len()));
    if let Some(bad) = fragment.chars().find(|c| matches!(c, '{' | '}' | ' ') || c.is_control() || !c.is_ascii()) {
        let remedy = "write plain text after #, percent-encoded where it must be";
        return Err(format!("the fragment {fragment:?} holds {bad:?}: {remedy}"));
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let (scheme, target) = match scheme.as_deref() {
        Some("http") => ("http://", TargetTemplate::parse(text)?),
        Some("https") => ("https://", TargetTemplate::parse(text)?),
        Some(_) => {
            return Err(format!(
                "{to:?} is neither an absolute URL nor a path: write http:// or https://, or \"/new{{path}}\""
            ))
        }
        None if text.starts_with("//") => {
            return Err(format!("{to:?} names a host without a scheme: write \"https:{to}\""));
        }
        None if names_a_host(text) => {
            return Err(format!("{to:?} names a host without a scheme: write \"https://{to}\""));
        }
        None => ("", TargetTemplate::parse_path(text)?),
    };
    Ok((scheme, target, fragment.into()))
}

/// Whether text begins with a host, as `example.com/a` and `localhost:3000` do, and `{path}` and `about` do not.
fn names_a_host(text: &str) -> bool {
    let host = &text[..text.find(['/', '{', '?']).unwrap_or(text.len())];
    let (name, port) = host.split_once(':').unwrap_or((host, "80"));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    (name.contains('.') || host.contains(':'))
        && !name.is_empty()
        && name.chars().all(plain)
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::compile::Purpose;
    use crate::configuration::{Config, Directive};
    use crate::rewrite::tests::{client, request, scope};
    use crate::snapshot::compile;

    /// Value of `Location` for a request with this path and a field `X`, if there is one.
    fn location(to: &str, path: &str, value: &[u8]) -> Option<Vec<u8>> {
        let (scheme, target, fragment) = parts(to).expect(to);
        let redirect = Redirect { status: 302, scheme, target, fragment };
        let (request, client) = (request("GET", path, "?q", &[("X", value)]), client());
        let mut rendered = RenderedTarget::default();
        redirect.target.render(&scope(&request, &client), &mut rendered).ok()?;
        let mut out = Vec::new();
        redirect.write_location(&rendered, &mut out);
        Some(out)
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_sends_names_another_host(
            path in "/[a/.:@%2f!~-]{0,16}",
            value in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..16),
                "[a/\\\\.:@?#\r\n\t %]{0,16}".prop_map(String::into_bytes),
            ],
        ) {
            for to in [
                "{path}{query}",
                "/{X}",
                "{path|strip_prefix:/a}{X}",
                "{path|replace:a,/}",
                "/{path}#top",
                "{query}{X}",
            ] {
                let Some(location) = location(to, &path, &value) else { continue };
                let shown = location.escape_ascii();
                prop_assert!(location.starts_with(b"/"), "{to}: {shown}");
                prop_assert!(!matches!(location.get(1), Some(b'/' | b'\\')), "{to}: {shown}");
                prop_assert!(location.iter().all(u8::is_ascii_graphic), "{to}: {shown}");
            }
            for to in ["https://a.example{path}{query}", "https://a.example/{X}", "https://a.example?{X}"] {
                let Some(location) = location(to, &path, &value) else { continue };
                prop_assert!(location.starts_with(b"https://a.example/"), "{to}: {}", location.escape_ascii());
                prop_assert!(location.iter().all(u8::is_ascii_graphic), "{to}: {}", location.escape_ascii());
            }
        }
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let at = Some(At { file: "Proxyfile".into(), line: 7 });
        let usual = || RedirectConfig { to: Some("/new{path}".into()), at: at.clone(), ..RedirectConfig::default() };
        for (spec, message) in [
            (
                RedirectConfig { to: None, ..usual() },
                "Proxyfile:7: redirect: `to` is missing: write to: \"https://{host}{path}{query}\"",
            ),
            (
                RedirectConfig { kind: "permanant".into(), ..usual() },
                "Proxyfile:7: redirect: type: \"permanant\" is not a type of redirect (did you mean permanent? There \
                 are permanent, temporary, moved_permanently, found)",
            ),
            (
                RedirectConfig { to: Some("/new/{path}".into()), ..usual() },
                "Proxyfile:7: redirect: to: {path} starts with '/' itself: leave out the one before it",
            ),
        ] {
            let config = Config { routes: vec![Directive::Redirect(spec)], ..Config::default() };
            let problems = compile(&config, Purpose::Check).problems;
            assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [message]);
        }
    }

    #[test]
    fn what_is_no_target_is_refused_with_a_remedy() {
        for (to, message) in [
            (
                "ftp://a/",
                "\"ftp://a/\" is neither an absolute URL nor a path: write http:// or https://, or \"/new{path}\"",
            ),
            (
                "{scheme}://{host}/",
                "\"{scheme}://{host}/\" is neither an absolute URL nor a path: write http:// or https://",
            ),
            (
                "//a.example{path}",
                "\"//a.example{path}\" names a host without a scheme: write \"https://a.example{path}\"",
            ),
            ("a.example{path}", "\"a.example{path}\" names a host without a scheme: write \"https://a.example{path}\""),
            ("localhost:3000/a", "write \"https://localhost:3000/a\""),
            ("about", "\"about\" is not a valid path: begin it with /"),
            ("{X-Next}", "\"{X-Next}\" is not a valid path: begin it with /"),
            ("", "\"\" is not a valid path: begin it with /"),
            ("/docs#{path}", "the fragment \"#{path}\" holds '{'"),
            ("/docs#a b", "the fragment \"#a b\" holds ' '"),
            ("https:///a", "the URL has no host"),
            ("/a b", "which no URL may hold"),
        ] {
            let error = parts(to).map(|_| ()).expect_err(to);
            assert!(error.contains(message), "{to}: {error}");
        }
    }
}

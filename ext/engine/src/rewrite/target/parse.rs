//! Parses target URLs, at load.

use super::super::name::BuiltIn;
use super::super::parse::{parts, variable_length};
use super::super::{foreign, Context, Template, TemplatePart};
use super::{check_host, escape, Join, TargetAuthority, TargetRest, TargetTemplate};

pub(super) fn target(text: &str) -> Result<TargetTemplate, String> {
    let (tls, rest) = scheme(text)?;
    let whole = Template::parse(text, Context::Request)?;
    let (authority, rest) = split(parts(rest, Context::Request)?);
    Ok(TargetTemplate { tls, authority: compile_authority(authority)?, rest: compile_rest(rest)?, whole })
}

pub(super) fn path(text: &str) -> Result<TargetTemplate, String> {
    let whole = Template::parse(text, Context::Request)?;
    match whole.parts.first() {
        Some(TemplatePart::Text(text)) if text.starts_with('/') => {}
        Some(TemplatePart::Value(value)) if value.name.is_path_like() => {}
        _ => return Err(format!("{text:?} is not a valid path: begin it with /, or with {{path}}")),
    }
    let rest = compile_rest(whole.parts.to_vec())?;
    Ok(TargetTemplate { tls: false, authority: TargetAuthority::Literal("".into()), rest, whole })
}

/// Whether `parts` set the query.
pub(super) fn shows_query(parts: &[TemplatePart]) -> bool {
    parts.iter().any(|part| match part {
        TemplatePart::Text(text) => text.contains('?'),
        TemplatePart::Value(value) => matches!(value.name.built_in(), Some(BuiltIn::Query | BuiltIn::PathAndQuery)),
    })
}

/// Whether the scheme is `https`, and the text behind `://`.
fn scheme(text: &str) -> Result<(bool, &str), String> {
    let no_url = |write: &str| Err(format!("{text:?} is not an absolute URL: write {write}"));
    if let Some(socket) = socket(text) {
        return Err(format!("a unix socket is not a URL: write backends: [\"unix:{socket}\"], and leave `to` out"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return match text.strip_prefix("//").unwrap_or(text) {
            "" => no_url("http://HOST{path}{query}"),
            rest if misspelt(rest).is_some() => no_url(&misspelt(rest).unwrap_or_default()),
            rest if rest.starts_with(['/', '{']) => no_url(&format!("http://HOST{rest}")),
            rest => no_url(&format!("http://{rest}")),
        };
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok((false, rest)),
        "https" => Ok((true, rest)),
        _ if scheme.contains('{') => no_url("the scheme out, http:// or https://: it cannot be a placeholder"),
        "h2" | "h2c" | "grpc" => {
            no_url("http:// there, and name the backend too, as in backends: [\"h2://127.0.0.1:50051\"]")
        }
        "ws" => no_url(&format!("http://{rest}, which takes WebSockets too")),
        "wss" => no_url(&format!("https://{rest}, which takes WebSockets too")),
        "tcp" => no_url(&format!("http://{rest}: TCP alone is not proxied by this version")),
        _ => no_url("http:// or https://: no other scheme can be proxied"),
    }
}

/// A correction of misspelt schemes: `http://a` for `http:/a`, `http//a` and `http:a`.
fn misspelt(text: &str) -> Option<String> {
    let (scheme, rest) = match text.strip_prefix("https") {
        Some(rest) => ("https", rest),
        None => ("http", text.strip_prefix("http")?),
    };
    let bare = rest.trim_start_matches([':', '/']);
    let port = rest.starts_with(':') && bare.starts_with(|c: char| c.is_ascii_digit());
    (rest.len() > bare.len() && !bare.is_empty() && !port).then(|| format!("{scheme}://{bare}"))
}

/// The path of a unix socket, if the text means one: `unix:///run/app.sock`, `unix:/run/app.sock`,
/// `http://unix:/run/app.sock` as in nginx, or only the path.
fn socket(text: &str) -> Option<&str> {
    let text = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .filter(|rest| rest.starts_with("unix:"))
        .unwrap_or(text);
    let path = match text.strip_prefix("unix:") {
        Some(path) => path,
        None if text.starts_with('/') && text.contains(".sock") => text,
        None => return None,
    };
    let path = path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path);
    // The text behind the socket's path belongs to the path of the request.
    let end = path.find('{').or_else(|| path.rfind(':').filter(|at| *at > 0)).unwrap_or(path.len());
    Some(&path[..end])
}

/// Splits authority and rest: the authority ends at the first `/` or `?`, or where the path or the query is inserted.
fn split(parts: Vec<TemplatePart>) -> (Vec<TemplatePart>, Vec<TemplatePart>) {
    let mut authority = Vec::new();
    let mut rest = Vec::new();
    for part in parts {
        if !rest.is_empty() {
            rest.push(part);
            continue;
        }
        match part {
            TemplatePart::Text(text) => match text.find(['/', '?']) {
                Some(end) => {
                    if end > 0 {
                        authority.push(TemplatePart::Text(text[..end].into()));
                    }
                    rest.push(TemplatePart::Text(text[end..].into()));
                }
                None => authority.push(TemplatePart::Text(text)),
            },
            TemplatePart::Value(value) if value.name.is_path_like() => rest.push(TemplatePart::Value(value)),
            value => authority.push(value),
        }
    }
    (authority, rest)
}

fn compile_authority(parts: Vec<TemplatePart>) -> Result<TargetAuthority, String> {
    for part in &parts {
        let TemplatePart::Text(text) = part else { continue };
        if text.contains('@') {
            return Err("a user name in the URL is never sent: write headers: { \"Authorization\" => \"Basic …\" } \
                        and leave it out of the URL"
                .into());
        }
        check_text(text)?;
        if !text.is_ascii() {
            return Err(format!("the host {text:?} is not ASCII: write it in its xn-- form"));
        }
        if let Some(bad) = text.bytes().find(|b| !escape::in_host(*b) && !b":[]".contains(b)) {
            let remedy = match text.split_once('$') {
                Some((_, rest)) if bad == b'$' && variable_length(rest) > 0 => {
                    let name = &rest[..variable_length(rest)];
                    format!("${name} is a variable elsewhere: {}", foreign::variable(name))
                }
                _ => "write the name of a host, letters, digits and hyphens".into(),
            };
            return Err(format!("the host {text:?} holds {:?}, which no host name has: {remedy}", char::from(bad)));
        }
    }
    match &parts[..] {
        [] => Err("the URL has no host: write http://HOST{path}{query}".into()),
        [TemplatePart::Text(text)] => {
            let text = text.strip_suffix(':').unwrap_or(text);
            check_host(text.as_bytes()).map_err(|_| {
                format!("{text:?} is not a valid host: write HOST or HOST:PORT, an IPv6 address in brackets")
            })?;
            Ok(TargetAuthority::Literal(text.into()))
        }
        _ => Ok(TargetAuthority::Parts(parts.into())),
    }
}

fn compile_rest(mut parts: Vec<TemplatePart>) -> Result<TargetRest, String> {
    for part in &mut parts {
        if let TemplatePart::Text(text) = part {
            check_text(text)?;
            let mut bytes = text.as_bytes().to_vec();
            escape::escape(&mut bytes, 0);
            *text = String::from_utf8_lossy(&bytes).into();
        }
    }
    let (prefix, values) = match &parts[..] {
        [TemplatePart::Text(text), values @ ..] if text.starts_with('/') => (text.clone(), values),
        [TemplatePart::Text(text), values @ ..] => (format!("/{text}").into(), values),
        values => ("".into(), values),
    };
    let plain: Option<Vec<BuiltIn>> = values
        .iter()
        .map(|part| match part {
            TemplatePart::Value(value) if value.modifiers.is_empty() => value.name.built_in(),
            _ => None,
        })
        .collect();
    let shape = match plain.as_deref() {
        Some([]) => Some((false, false)),
        // Behind a literal `?`, inserted parts have to be joined.
        Some(_) if prefix.contains('?') => None,
        Some([BuiltIn::Path]) => Some((true, false)),
        Some([BuiltIn::Query]) => Some((false, true)),
        Some([BuiltIn::PathAndQuery] | [BuiltIn::Path, BuiltIn::Query]) => Some((true, true)),
        _ => None,
    };
    Ok(match shape {
        Some((path, query)) => TargetRest::Plain { prefix, path, query },
        None => {
            let shows_path =
                parts.iter().any(|part| matches!(part, TemplatePart::Value(value) if value.name.is_path()));
            TargetRest::Parts { parts: joined(parts).into(), shows_path }
        }
    })
}

/// How each part joins the query. `{query}` directly behind the path is the client's own query, even as part of a
/// parameter's value, as in `/login?next={path}{query}`: it stays unchanged.
fn joined(parts: Vec<TemplatePart>) -> Vec<(TemplatePart, Join)> {
    let (mut in_query, mut behind_query, mut behind_path) = (false, false, false);
    let mut join = |part: &TemplatePart| {
        let (mut query, mut path, mut join) = (false, false, Join::Plain);
        match part {
            TemplatePart::Text(text) => {
                if behind_query && text.starts_with('&') {
                    (join, in_query) = (Join::Text, true);
                }
                in_query |= text.contains('?');
            }
            TemplatePart::Value(value) if value.modifiers.is_empty() => match value.name.built_in() {
                Some(BuiltIn::Query) if in_query && !behind_path => (join, query) = (Join::Query, true),
                Some(BuiltIn::Query | BuiltIn::PathAndQuery) => query = true,
                Some(BuiltIn::Path) => path = true,
                _ => {}
            },
            TemplatePart::Value(value) => path = value.name.is_path(),
        }
        (behind_query, behind_path) = (query, path);
        join
    };
    parts
        .into_iter()
        .map(|part| {
            let join = join(&part);
            (part, join)
        })
        .collect()
}

/// Refuses characters that no URL may hold and that cannot be escaped.
fn check_text(text: &str) -> Result<(), String> {
    if text.contains('#') {
        return Err(format!(
            "{text:?} holds a fragment, which is never sent to a server: leave out # and what follows"
        ));
    }
    if let Some(bad) = text.chars().find(|c| c.is_ascii_control() || *c == ' ') {
        return Err(format!(
            "{text:?} holds {bad:?}, which no URL may hold: leave it out, or write it percent-encoded"
        ));
    }
    if text.contains(['{', '}']) {
        return Err(format!("{text:?} holds a brace that belongs to no placeholder: write %7B or %7D"));
    }
    Ok(())
}

/// Warns of `/{path}` and `?{query}`, since both values bring their own separator, and of a query that occurs twice.
pub(super) fn doubled(parts: &[TemplatePart]) -> Vec<String> {
    let mut warnings = Vec::new();
    for pair in parts.windows(2) {
        if let [TemplatePart::Value(first), TemplatePart::Value(second)] = pair {
            let twice = matches!(first.name.built_in(), Some(BuiltIn::Query | BuiltIn::PathAndQuery))
                && second.name.built_in() == Some(BuiltIn::Query);
            if twice && first.modifiers.is_empty() && second.modifiers.is_empty() {
                warnings.push(format!(
                    "the query is there twice, in {} and after it: leave {} out",
                    first.written, second.written
                ));
            }
        }
        let [TemplatePart::Text(text), TemplatePart::Value(value)] = pair else { continue };
        let own = match value.name.built_in() {
            Some(BuiltIn::Path | BuiltIn::PathAndQuery) => '/',
            Some(BuiltIn::Query) => '?',
            _ => continue,
        };
        if value.modifiers.is_empty() && text.ends_with(own) && !text.ends_with("://") {
            warnings.push(format!("{} starts with {own:?} itself: leave out the one before it", value.written));
        }
    }
    warnings.extend(second_question_mark(parts));
    warnings.extend(written_twice(parts));
    warnings
}

/// Warns of `?a=1?b=2`. A URL as a value, such as `?next=/a?b=2`, may have its own `?`.
fn written_twice(parts: &[TemplatePart]) -> Option<String> {
    let mut query: Option<String> = None;
    for part in parts {
        match (part, &mut query) {
            (TemplatePart::Text(text), None) => query = text.split_once('?').map(|(_, query)| query.to_owned()),
            (TemplatePart::Text(text), Some(query)) => query.push_str(text),
            (TemplatePart::Value(value), Some(query)) if value.name.built_in() == Some(BuiltIn::Query) => {
                query.push('&')
            }
            // Any value may be a URL.
            (TemplatePart::Value(_), Some(query)) => query.push('/'),
            (TemplatePart::Value(_), None) => {}
        }
    }
    let (before, after) =
        query.as_deref()?.split('&').find_map(|one| one.split_once('?').filter(|(before, _)| !before.contains('/')))?;
    Some(format!(
        "there is a second '?' in \"{before}?{after}\": a query begins with one and goes on with &: write \
         {before}&{after}"
    ))
}

/// Warns of `{query}?x=1`, which makes a second `?`. Text before `{query}` is joined with it, and so is `&x=1` behind
/// it.
fn second_question_mark(parts: &[TemplatePart]) -> Option<String> {
    let mut brought: Option<&str> = None;
    for part in parts {
        match (part, brought) {
            (TemplatePart::Text(text), Some(brought)) if text.contains('?') => {
                let name = if brought == "{query}" { "" } else { "{path}" };
                return Some(format!(
                    "{brought} starts with '?' itself, and there is another '?' after it: write {name}?x=1{{query}}"
                ));
            }
            (TemplatePart::Value(value), None) if value.modifiers.is_empty() => {
                let query = matches!(value.name.built_in(), Some(BuiltIn::Query | BuiltIn::PathAndQuery));
                brought = query.then_some(&*value.written);
            }
            _ => {}
        }
    }
    None
}

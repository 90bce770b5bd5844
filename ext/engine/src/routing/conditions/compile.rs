//! Conditions from what was written.

use proxy_http::message::FieldName;

use super::value::Values;
use super::{Condition, MediaType};
use crate::config::{Location, Named};
use crate::networks::Networks;

/// The conditions of a location. Every one that is wrong is told to `report`, with what to write instead.
pub(in crate::routing) fn conditions(spec: &Location, report: &mut dyn FnMut(String)) -> Box<[Condition]> {
    let mut conditions = Vec::new();
    if !spec.methods.is_empty() {
        conditions.push(Condition::Methods(methods(&spec.methods, report)));
    }
    if !spec.schemes.is_empty() {
        conditions.push(schemes(&spec.schemes, report));
    }
    if !spec.ports.is_empty() {
        conditions.push(Condition::Ports(ports(&spec.ports, report)));
    }
    if !spec.extensions.is_empty() {
        conditions.push(Condition::Extensions(extensions(&spec.extensions, report)));
    }
    if !spec.remote.is_empty() {
        let networks = Networks::compile(&spec.remote, &mut |message| report(format!("remote: {message}")));
        conditions.push(Condition::Remote(networks));
    }
    if !spec.content_types.is_empty() {
        conditions.push(Condition::ContentTypes(media_types("content_types", &spec.content_types, true, report)));
    }
    if !spec.accepts.is_empty() {
        conditions.push(Condition::Accepts(media_types("accepts", &spec.accepts, false, report)));
    }
    for named in &spec.headers {
        match FieldName::new(&named.name) {
            Some(name) => {
                conditions.extend(values("headers", named, report).map(|values| Condition::Header(name, values)))
            }
            None => {
                report(format!("headers: {:?} is not a valid header name: use letters, digits and hyphens", named.name))
            }
        }
    }
    for named in &spec.query {
        conditions
            .extend(values("query", named, report).map(|values| Condition::Query(named.name.as_str().into(), values)));
    }
    for named in &spec.cookies {
        match FieldName::new(&named.name) {
            Some(_) => conditions.extend(
                values("cookies", named, report).map(|values| Condition::Cookie(named.name.as_str().into(), values)),
            ),
            None => {
                report(format!("cookies: {:?} is not a valid cookie name: use letters, digits, - and _", named.name))
            }
        }
    }
    conditions.into()
}

fn values(option: &str, named: &Named, report: &mut dyn FnMut(String)) -> Option<Values> {
    Values::compile(named).map_err(|message| report(format!("{option}: {}: {message}", named.name))).ok()
}

/// Methods are written in any letter case and sent in capitals.
fn methods(methods: &[String], report: &mut dyn FnMut(String)) -> Box<[Box<str>]> {
    for method in methods {
        if FieldName::new(method).is_none() {
            report(format!("methods: {method:?} is not a valid method: write one such as \"GET\""));
        } else if method.eq_ignore_ascii_case("connect") {
            report(format!("methods: {method:?} is never let in: leave it out"));
        }
    }
    methods.iter().map(|method| method.to_ascii_uppercase().into()).collect()
}

fn schemes(schemes: &[String], report: &mut dyn FnMut(String)) -> Condition {
    for scheme in schemes {
        if scheme != "http" && scheme != "https" {
            report(format!("schemes: {scheme:?} is unknown: write \"http\" or \"https\""));
        }
    }
    let has = |name: &str| schemes.iter().any(|scheme| scheme == name);
    Condition::Schemes { http: has("http"), https: has("https") }
}

fn ports(ports: &[i64], report: &mut dyn FnMut(String)) -> Box<[u16]> {
    let port = |port: &i64| {
        let sound = u16::try_from(*port).ok().filter(|port| *port > 0);
        if sound.is_none() {
            report(format!("ports: {port} is not a valid port: write a number from 1 to 65535"));
        }
        sound
    };
    ports.iter().filter_map(port).collect()
}

fn extensions(extensions: &[String], report: &mut dyn FnMut(String)) -> Box<[Box<str>]> {
    for extension in extensions {
        let bare = extension.strip_prefix('.').unwrap_or(extension);
        if bare.is_empty() || bare.contains(['.', '/', '*']) {
            report(format!(
                "extensions: {extension:?} is not a valid extension: write what comes after the last dot, such as \"png\""
            ));
        }
    }
    extensions.iter().map(|text| text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase().into()).collect()
}

fn media_types(option: &str, types: &[String], ranges: bool, report: &mut dyn FnMut(String)) -> Box<[MediaType]> {
    let mut compiled = Vec::with_capacity(types.len());
    for text in types {
        let token = |part: &str| FieldName::new(part).is_some();
        match text.split_once('/').filter(|(main, sub)| token(main) && token(sub)) {
            Some((main, sub))
                if !text.contains('*') || ranges && sub == "*" && (main == "*" || !main.contains('*')) =>
            {
                let (main, sub) = (main.to_ascii_lowercase().into(), sub.to_ascii_lowercase().into());
                compiled.push(MediaType { main, sub });
            }
            _ if ranges => report(format!(
                "{option}: {text:?} is not a valid media type: write one such as \"application/json\" or \"image/*\", without parameters"
            )),
            _ => report(format!(
                "{option}: {text:?} is not a valid media type: write one such as \"text/html\", without * and parameters"
            )),
        }
    }
    compiled.into()
}

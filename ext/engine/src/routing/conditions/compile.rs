//! Compiles the conditions of a location.

use proxy_http::message::FieldName;

use super::value::Values;
use super::{Condition, MediaType};
use crate::compile::Report;
use crate::config::{LocationConfig, NamedCondition};
use crate::networks::Networks;

/// The conditions of a location. Each invalid one is reported, with what to write instead.
pub(in crate::routing) fn conditions<R>(spec: &LocationConfig<R>, report: &mut Report<'_>) -> Box<[Condition]> {
    let mut conditions = Vec::new();
    if !spec.methods.is_empty() {
        conditions.push(Condition::Methods(methods(&spec.methods, &mut report.within("methods"))));
    }
    if !spec.schemes.is_empty() {
        conditions.push(schemes(&spec.schemes, &mut report.within("schemes")));
    }
    if !spec.ports.is_empty() {
        conditions.push(Condition::Ports(ports(&spec.ports, &mut report.within("ports"))));
    }
    if !spec.extensions.is_empty() {
        conditions.push(Condition::Extensions(extensions(&spec.extensions, &mut report.within("extensions"))));
    }
    if !spec.remote.is_empty() {
        let networks = Networks::compile(&spec.remote, &mut report.within("remote"));
        conditions.push(Condition::Remote(networks));
    }
    if !spec.content_types.is_empty() {
        conditions.push(Condition::ContentTypes(media_types(
            &spec.content_types,
            true,
            &mut report.within("content_types"),
        )));
    }
    if !spec.accepts.is_empty() {
        conditions.push(Condition::Accepts(media_types(&spec.accepts, false, &mut report.within("accepts"))));
    }
    let mut headers = report.within("headers");
    for named in &spec.headers {
        let Some(name) = headers.field_name(&named.name) else { continue };
        conditions.extend(values(named, &mut headers).map(|values| Condition::Header(name, values)));
    }
    let mut query = report.within("query");
    for named in &spec.query {
        let values = values(named, &mut query);
        conditions.extend(values.map(|values| Condition::Query(named.name.as_str().into(), values)));
    }
    let mut cookies = report.within("cookies");
    for named in &spec.cookies {
        match FieldName::new(&named.name) {
            Some(_) => {
                let values = values(named, &mut cookies);
                conditions.extend(values.map(|values| Condition::Cookie(named.name.as_str().into(), values)));
            }
            None => cookies.error(format!("{:?} is not a valid cookie name: use letters, digits, - and _", named.name)),
        }
    }
    conditions.into()
}

fn values(named: &NamedCondition, report: &mut Report<'_>) -> Option<Values> {
    report.within(&named.name).ok(Values::compile(named))
}

/// Compiles methods. They are written in any letter case and sent in capitals.
fn methods(methods: &[String], report: &mut Report<'_>) -> Box<[Box<str>]> {
    for method in methods {
        if FieldName::new(method).is_none() {
            report.error(format!("{method:?} is not a valid method: write one such as \"GET\""));
        } else if method.eq_ignore_ascii_case("connect") {
            report.error(format!("{method:?} is never let in: leave it out"));
        }
    }
    methods.iter().map(|method| method.to_ascii_uppercase().into()).collect()
}

fn schemes(schemes: &[String], report: &mut Report<'_>) -> Condition {
    for scheme in schemes {
        if scheme != "http" && scheme != "https" {
            report.error(format!("{scheme:?} is unknown: write \"http\" or \"https\""));
        }
    }
    let has = |name: &str| schemes.iter().any(|scheme| scheme == name);
    Condition::Schemes { http: has("http"), https: has("https") }
}

fn ports(ports: &[i64], report: &mut Report<'_>) -> Box<[u16]> {
    ports.iter().filter_map(|port| report.port(*port)).collect()
}

fn extensions(extensions: &[String], report: &mut Report<'_>) -> Box<[Box<str>]> {
    for extension in extensions {
        let bare = extension.strip_prefix('.').unwrap_or(extension);
        if bare.is_empty() || bare.contains(['.', '/', '*']) {
            report.error(format!(
                "{extension:?} is not a valid extension: write what comes after the last dot, such as \"png\""
            ));
        }
    }
    extensions.iter().map(|text| text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase().into()).collect()
}

fn media_types(types: &[String], ranges: bool, report: &mut Report<'_>) -> Box<[MediaType]> {
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
            _ if ranges => report.error(format!(
                "{text:?} is not a valid media type: write one such as \"application/json\" or \"image/*\", without \
                 parameters"
            )),
            _ => report.error(format!(
                "{text:?} is not a valid media type: write one such as \"text/html\", without * and parameters"
            )),
        }
    }
    compiled.into()
}

//! The tables of the page.

use std::fmt::Write as _;

use percent_encoding::{utf8_percent_encode, NON_ALPHANUMERIC};
use serde_json::Value;

use super::html::{age, count, latency, now, share, since, stamp, Escaped};
use super::{number, text};

/// Days before its end from which on a certificate that should have been renewed is shown in red.
const SOON: f64 = 14.0;
/// Upstreams beyond which the page has an index of them.
const FEW: usize = 1;

/// Class of a state, which has its colour: the word itself is always there too.
fn class(state: &str) -> &'static str {
    match state {
        "ready" => "ok",
        "draining" => "mid",
        "unchecked" => "new",
        "down" => "off",
        _ => "bad",
    }
}

/// All upstreams with their backends, in one table.
pub(super) fn upstreams(out: &mut String, status: &Value) {
    let Some(all) = status["upstreams"].as_array().filter(|all| !all.is_empty()) else {
        out.push_str("<p class=\"dim\">No upstream: nothing is proxied.</p>\n");
        return;
    };
    out.push_str("<nav>");
    for upstream in all.iter().filter(|_| all.len() > FEW) {
        let _ = write!(out, "<a href=\"#{}\">{}</a>", anchor(upstream), Escaped(text(upstream, "name")));
    }
    out.push_str("<label><input type=\"checkbox\" id=\"trouble\"> only those that are not ready</label></nav>");
    out.push_str(
        "<div class=\"box flow\"><table class=\"b\"><thead><tr><th>backend</th><th class=\"t\">state</th>\
         <th>weight</th><th>in flight</th><th>tunnels</th><th>requests</th><th>per second</th><th>failed</th><th></th>\
         <th>p50 / p95 / p99</th><th class=\"t\">last check</th></tr></thead>\n",
    );
    all.iter().for_each(|upstream| rows(out, upstream));
    out.push_str("</table></div>\n");
}

/// The name of an upstream as a place in the page.
fn anchor(upstream: &Value) -> String {
    format!("u-{}", utf8_percent_encode(text(upstream, "name"), NON_ALPHANUMERIC)).replace('%', ".")
}

fn rows(out: &mut String, upstream: &Value) {
    let backends = upstream["backends"].as_array().map(Vec::as_slice).unwrap_or_default();
    let name = Escaped(text(upstream, "name")).to_string();
    let anchor = anchor(upstream);
    let _ = write!(
        out,
        "<tbody id=\"{anchor}\" data-u=\"{name}\"><tr class=\"u\"><th colspan=\"11\"><a href=\"#{anchor}\">{name}</a>\
         <small class=\"n\">{}</small><small class=\"q\">queue {}</small>",
        Escaped(&counted(backends)),
        count(number(upstream, "queue"))
    );
    if upstream["required"] == true {
        out.push_str("<small>required</small>");
    }
    for (key, shown) in [("paused", "paused"), ("maintenance", "maintenance")] {
        if upstream[key].is_object() {
            let _ = write!(out, "<span class=\"s mid\">{shown}</span>");
        }
    }
    out.push_str("</th></tr>\n");
    backends.iter().for_each(|backend| row(out, backend));
    out.push_str("</tbody>\n");
}

/// `2 ready, 1 down`
fn counted(backends: &[Value]) -> String {
    let mut states: Vec<(&str, u64)> = Vec::new();
    for state in backends.iter().map(|backend| text(backend, "state")) {
        match states.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => states.push((state, 1)),
        }
    }
    let words: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    if words.is_empty() {
        "no backends".into()
    } else {
        words.join(", ")
    }
}

/// One backend. The place of a cell is its meaning, for the style and the script too.
fn row(out: &mut String, backend: &Value) {
    let (address, state) = (Escaped(text(backend, "address")).to_string(), text(backend, "state"));
    let class = class(state);
    let most = backend["max_connections"].as_u64().map(|most| format!(" / {}", count(most))).unwrap_or_default();
    let (requests, failures) = (number(backend, "requests"), number(backend, "failures"));
    let backup = if backend["backup"] == true { " <small>backup</small>" } else { "" };
    let _ = write!(
        out,
        "<tr class=\"r-{class}\" data-b=\"{address}\"><td>{address}{backup}<td><span class=\"s {class}\">{}</span>",
        Escaped(state)
    );
    let in_flight = format!("{}{most}", count(number(backend, "in_flight")));
    for cell in [
        &count(number(backend, "weight")),
        &in_flight,
        &count(number(backend, "tunnels")),
        &count(requests),
        "…",
        &count(failures),
        &share(failures, requests),
        &latency(&backend["latency"]),
        &check(&backend["check"]),
    ] {
        let _ = write!(out, "<td>{}", Escaped(cell));
    }
    out.push('\n');
}

fn check(check: &Value) -> String {
    if !check.is_object() {
        return "–".into();
    }
    let what = match check["healthy"].as_bool() {
        Some(true) => "healthy",
        _ => check["error"].as_str().unwrap_or("unhealthy"),
    };
    format!("{what} for {}", age(since(check["since"].as_f64())))
}

/// All certificates with their ends.
pub(super) fn certificates(out: &mut String, status: &Value) {
    let Some(all) = status["certificates"].as_array() else {
        out.push_str("<h2>Certificates</h2><p class=\"dim\">Storage does not answer.</p>\n");
        return;
    };
    if all.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Certificates</h2><div class=\"box flow\"><table><thead><tr><th>names</th><th class=\"t\">ends</th>\
         <th class=\"t\">from</th><th class=\"t\">last error</th></tr></thead><tbody>\n",
    );
    for certificate in all {
        let names: Vec<_> = certificate["names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (class, ends) = ending(certificate);
        let from = certificate["authority"].as_str().unwrap_or_else(|| text(certificate, "kind"));
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td class=\"t\"><span class=\"s {class}\">{}</span></td><td class=\"t\" data-l=\"from\">{}\
             </td><td class=\"w\">{}</td></tr>",
            Escaped(&names.join(", ")),
            Escaped(&ends),
            Escaped(from),
            Escaped(certificate["last_error"].as_str().unwrap_or("–"))
        );
    }
    out.push_str("</tbody></table></div>\n");
}

/// The end of a certificate in words, and its colour.
fn ending(certificate: &Value) -> (&'static str, String) {
    let Some(expires) = certificate["expires"].as_f64() else { return ("bad", "there is none yet".into()) };
    let left = expires - now();
    if left < 0.0 {
        return ("bad", format!("ended {}", stamp(expires)));
    }
    let class = if left < SOON * 86_400.0 { "bad" } else { "ok" };
    (class, format!("in {}, {}", age(left), stamp(expires)))
}

/// All Ruby blocks.
pub(super) fn blocks(out: &mut String, status: &Value) {
    let Some(all) = status["blocks"].as_array().filter(|all| !all.is_empty()) else { return };
    out.push_str(
        "<h2>Ruby blocks</h2><div class=\"box flow\"><table><thead><tr><th>word</th><th>running</th><th>waiting</th>\
         <th>answered</th><th>failed</th><th>late</th><th>refused</th></tr></thead><tbody>\n",
    );
    for block in all {
        let _ =
            write!(out, "<tr><td>{} <small>{}</small></td>", Escaped(text(block, "word")), Escaped(text(block, "at")));
        for (label, name) in [
            ("running", "running"),
            ("waiting", "waiting"),
            ("answered", "answered"),
            ("failed", "failed"),
            ("late", "late"),
            ("refused", "full"),
        ] {
            let _ = write!(out, "<td data-l=\"{label}\">{}</td>", count(number(block, name)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

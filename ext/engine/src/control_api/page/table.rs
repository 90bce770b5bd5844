//! The tables of the page.

use std::fmt::Write as _;

use percent_encoding::{utf8_percent_encode, NON_ALPHANUMERIC};
use serde_json::Value;

use super::html::{age, count, latency, now, share, since, stamp};
use super::{number, text};
use crate::escape::Escaped;

/// Days before its end from which on a certificate that should have been renewed is shown in red.
const SOON: f64 = 14.0;
/// Columns of the table of backends, with the attributes of their heads.
const COLUMNS: [(&str, &str); 11] = [
    ("backend", ""),
    ("state", " class=\"t\""),
    ("weight", ""),
    ("in flight", ""),
    ("tunnels", ""),
    ("requests", ""),
    ("req/s", ""),
    ("failed", ""),
    ("failed %", ""),
    ("p50 / p95 / p99", ""),
    ("last check", " class=\"t\""),
];

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
    out.push_str("<div class=\"bar\">");
    if all.len() > 1 {
        out.push_str("<nav aria-label=\"upstreams\">");
        for upstream in all {
            let _ = write!(out, "<a href=\"#{}\">{}</a>", anchor(upstream), Escaped(text(upstream, "name")));
        }
        out.push_str("</nav>");
    }
    let _ = write!(out, "<p id=\"sum\" role=\"status\">{}</p>", summary(all));
    out.push_str("<label><input type=\"checkbox\" id=\"trouble\"> only those that are not ready</label></div>");
    out.push_str("<div class=\"box flow\"><table class=\"b\" aria-label=\"backends\"><thead><tr>");
    for (label, class) in COLUMNS {
        let _ = write!(out, "<th scope=\"col\"{class}>{label}</th>");
    }
    out.push_str("</tr></thead>\n");
    all.iter().for_each(|upstream| rows(out, upstream));
    out.push_str("</table></div>\n");
}

/// How many backends are not ready. It is read aloud when it changes.
fn summary(upstreams: &[Value]) -> String {
    let backends = || upstreams.iter().filter_map(|upstream| upstream["backends"].as_array()).flatten();
    match (backends().filter(|backend| backend["state"] != "ready").count() as u64, backends().count() as u64) {
        (0, all) => format!("{} ready", count(all)),
        (trouble, all) => format!("{} of {} not ready", count(trouble), count(all)),
    }
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
        "<tbody id=\"{anchor}\" data-u=\"{name}\"><tr class=\"u\"><th colspan=\"11\" scope=\"rowgroup\">\
         <a href=\"#{anchor}\">{name}</a> <small class=\"n\">{}</small> <small class=\"q\">queue {}</small>",
        Escaped(&counted(backends)),
        count(number(upstream, "queue"))
    );
    if upstream["required"] == true {
        out.push_str(" <small>required</small>");
    }
    if upstream["deploying"] == true {
        out.push_str(" <span class=\"s new\">deploying</span>");
    }
    if upstream["paused"].is_object() {
        let shown = pause(&upstream["paused"]);
        let _ = write!(out, " <span class=\"s mid\">paused</span> <small class=\"p\">{shown}</small>");
    }
    if upstream["maintenance"].is_object() {
        let message = Escaped(text(&upstream["maintenance"], "message")).to_string();
        let _ = write!(out, " <span class=\"s mid\">maintenance</span> <small>{message}</small>");
    }
    out.push_str("</th></tr>\n");
    backends.iter().for_each(|backend| row(out, backend));
    out.push_str("</tbody>\n");
}

/// `for 12 s more, 3 held`
fn pause(pause: &Value) -> String {
    let left = -since(pause["until"].as_f64());
    let held = count(number(pause, "held"));
    match left > 0.0 {
        true => format!("for {} more, {held} held", age(left)),
        false => "its time is over: requests get 503".into(),
    }
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
    let added = if backend["added"] == true { " <small>added</small>" } else { "" };
    let _ = write!(
        out,
        "<tr class=\"r-{class}\" data-b=\"{address}\"><th scope=\"row\">{address}{backup}{added}<td>\
         <span class=\"s {class}\">{}</span>",
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

/// `healthy for 12 s`
pub(super) fn check(check: &Value) -> String {
    if !check.is_object() {
        return "–".into();
    }
    let age = age(since(check["since"].as_f64()));
    match (check["healthy"].as_bool(), check["error"].as_str()) {
        (Some(true), _) => format!("healthy for {age}"),
        (_, None) => format!("unhealthy for {age}"),
        (_, Some(error)) => format!("unhealthy for {age}: {error}"),
    }
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
        "<h2>Certificates</h2><div class=\"box flow\"><table aria-label=\"certificates\"><thead><tr>\
         <th scope=\"col\">names</th><th scope=\"col\" class=\"t\">ends</th><th scope=\"col\" class=\"t\">from</th>\
         <th scope=\"col\" class=\"t\">last error</th></tr></thead><tbody>\n",
    );
    for certificate in all {
        let names: Vec<_> = certificate["names"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (class, ends) = ending(certificate);
        let from = certificate["authority"].as_str().unwrap_or_else(|| text(certificate, "kind"));
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"t\"><span class=\"s {class}\">{}</span></td>\
             <td class=\"t\" data-l=\"from\">{}</td><td class=\"w\">{}</td></tr>",
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

/// Figures of a Ruby block, with their names in the status.
const FIGURES: [(&str, &str); 6] = [
    ("running", "running"),
    ("waiting", "waiting"),
    ("answered", "answered"),
    ("failed", "failed"),
    ("late", "late"),
    ("refused", "full"),
];

/// All Ruby blocks.
pub(super) fn blocks(out: &mut String, status: &Value) {
    let Some(all) = status["blocks"].as_array().filter(|all| !all.is_empty()) else { return };
    out.push_str(
        "<h2>Ruby blocks</h2><div class=\"box flow\"><table aria-label=\"Ruby blocks\"><thead><tr>\
         <th scope=\"col\">word</th>",
    );
    for (label, _) in FIGURES {
        let _ = write!(out, "<th scope=\"col\">{label}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for block in all {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{} <small>{}</small></th>",
            Escaped(text(block, "word")),
            Escaped(text(block, "at"))
        );
        for (label, name) in FIGURES {
            let _ = write!(out, "<td data-l=\"{label}\">{}</td>", count(number(block, name)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

//! `GET /`: everything on one screen, right without JavaScript, and live with it.
//!
//! The page is made from what `GET /status` says. Every value is escaped: names come from configurations, errors from
//! backends.

mod html;
mod script;
mod style;
mod table;

use serde_json::Value;

use crate::escape::Escaped;
use html::{age, count, latency, share, stamp};

/// The page, with the nonce that its script has in the policy.
pub(super) fn render(status: &Value, nonce: &str) -> String {
    let mut out = String::with_capacity(32 * 1024);
    out.push_str("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    out.push_str("<meta name=\"color-scheme\" content=\"light dark\"><title>proxy</title><style>");
    out.push_str(style::STYLE);
    out.push_str("</style></head><body data-now=\"");
    push(&mut out, &html::now().to_string());
    out.push_str("\" data-version=\"");
    push(&mut out, text(status, "version"));
    out.push_str("\">\n");
    header(&mut out, status);
    out.push_str("<main>\n");
    notes(&mut out, status);
    tiles(&mut out, status);
    table::upstreams(&mut out, status);
    out.push_str("<div id=\"more\">");
    table::certificates(&mut out, status);
    table::blocks(&mut out, status);
    out.push_str("</div></main>\n<footer><a href=\"status\">status as JSON</a><a href=\"metrics\">metrics</a>");
    out.push_str("<a href=\"health/ready\">readiness</a></footer>\n<script nonce=\"");
    push(&mut out, nonce);
    out.push_str("\">");
    out.push_str(script::SCRIPT);
    out.push_str("</script></body></html>\n");
    out
}

/// The policy of the page: nothing is loaded, and only its own script runs.
pub(super) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn header(out: &mut String, status: &Value) {
    out.push_str("<header><div id=\"who\"><h1>proxy <small>");
    push(out, text(status, "version"));
    out.push_str("</small></h1>");
    if let Some(file) = status["file"].as_str() {
        out.push_str("<p>");
        push(out, file);
        out.push_str("</p>");
    }
    let urls: Vec<_> = status["urls"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    out.push_str("<p class=\"dim\">PID ");
    push(out, &number(status, "pid").to_string());
    out.push_str(", up <span data-v=\"up\">");
    push(out, &age(html::since(status["started_at"].as_f64())));
    out.push_str("</span>, listens on ");
    push(out, if urls.is_empty() { "nothing" } else { "" });
    push(out, &urls.join(", "));
    out.push_str("</p></div><p id=\"live\" role=\"status\">as of ");
    push(out, &stamp(html::now()));
    out.push_str("</p></header>\n");
}

/// What a person should know first: the stop, a reload that failed, warnings.
fn notes(out: &mut String, status: &Value) {
    if status["stopping"] == true {
        out.push_str("<p class=\"note\">The proxy is stopping: requests in flight finish, and no new ones come.</p>\n");
    }
    let maintenance = &status["maintenance"];
    if maintenance.is_object() {
        out.push_str("<p class=\"note\">All upstreams are in maintenance: requests get 503. ");
        push(out, text(maintenance, "message"));
        out.push_str("</p>\n");
    }
    let reload = &status["reload"];
    if reload["result"] == "failed" {
        out.push_str("<div class=\"note bad\">The reload of ");
        push(out, &stamp(reload["at"].as_f64().unwrap_or_default()));
        out.push_str(" failed, and the configuration before it is in use. ");
        push(out, text(reload, "error"));
        list(out, &reload["problems"]);
        out.push_str("</div>\n");
    }
    let warnings = &status["warnings"];
    if warnings.as_array().is_some_and(|all| !all.is_empty()) {
        out.push_str("<div class=\"note\">Warnings of the configuration");
        list(out, warnings);
        out.push_str("</div>\n");
    }
}

fn list(out: &mut String, problems: &Value) {
    let Some(problems) = problems.as_array().filter(|problems| !problems.is_empty()) else { return };
    out.push_str("<ul>");
    for problem in problems {
        out.push_str("<li>");
        push(out, text(problem, "text"));
        out.push_str("</li>");
    }
    out.push_str("</ul>");
}

fn tiles(out: &mut String, status: &Value) {
    let (requests, connections) = (&status["requests"], &status["connections"]);
    let total = number(requests, "total");
    let long = number(requests, "tunnels") + number(requests, "event_streams");
    out.push_str("<dl class=\"tiles\">");
    let mut tile = |label: &str, name: &str, value: &str, class: &str| {
        out.push_str("<div");
        if !class.is_empty() {
            out.push_str(&format!(" class=\"{class}\""));
        }
        out.push_str(&format!("><dt>{label}</dt><dd data-v=\"{name}\">{}</dd></div>", Escaped(value)));
    };
    tile("requests now", "rate", "…", "js");
    tile("requests", "total", &count(total), "");
    tile("in flight", "in_flight", &count(number(requests, "in_flight")), "");
    tile("queue", "queued", &count(number(requests, "queued")), "");
    tile("p50 / p95 / p99", "latency", &latency(&requests["latency"]), "wide");
    tile("4xx", "e4", &share(number(requests, "status_4xx"), total), "");
    tile("5xx", "e5", &share(number(requests, "status_5xx"), total), "");
    tile("connections", "active", &count(number(connections, "active")), "");
    tile("accepted", "accepted", &count(number(connections, "accepted")), "");
    tile("failed handshakes", "handshakes", &count(number(connections, "handshakes_failed")), "");
    tile("lost log lines", "lost", &count(number(status, "lost_access_lines")), "");
    tile("tunnels, streams", "tunnels", &count(long), "");
    out.push_str("</dl>\n");
    let reload = &status["reload"];
    out.push_str("<p class=\"dim\">Configuration loaded ");
    push(out, &stamp(status["loaded_at"].as_f64().unwrap_or_default()));
    if reload["result"] == "ok" {
        out.push_str(" by a reload");
    }
    out.push_str(". Latency is the time until a response begins, of the last minute.</p>\n");
}

/// Appends text, escaped.
fn push(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    let _ = write!(out, "{}", Escaped(text));
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

#[cfg(test)]
mod tests;

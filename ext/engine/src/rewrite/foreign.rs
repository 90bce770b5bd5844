//! Values in the syntax of nginx, Caddy and HAProxy, and their equivalents here.

/// Names in nginx (without `$`) and in Caddy (without braces), each with its equivalent here.
const NAMES: &[(&str, &str)] = &[
    ("args", "{query}"),
    ("query_string", "{query}"),
    ("binary_remote_addr", "{addr}"),
    ("remote_addr", "{addr}"),
    ("realip_remote_addr", "{addr}"),
    ("remote_host", "{addr}"),
    ("client_ip", "{addr}"),
    ("body_bytes_sent", "{bytes}"),
    ("bytes_sent", "{bytes}"),
    ("document_uri", "{path}"),
    ("uri", "{path}"),
    ("http_host", "{Host}"),
    ("hostport", "{Host}"),
    ("server_name", "{host}"),
    ("proxy_host", "{Host}"),
    ("is_args", "{query}"),
    ("remote_user", "{auth_user}"),
    ("request", "{method} {path_and_query}"),
    ("request_length", "{Content-Length}"),
    ("request_method", "{method}"),
    ("request_time", "{response_time}"),
    ("request_uri", "{path_and_query}"),
    ("server_port", "{port}"),
    ("ssl_cipher", "{tls_cipher}"),
    ("ssl_client_i_dn", "{client_cert_issuer}"),
    ("ssl_client_s_dn", "{client_cert_subject}"),
    ("ssl_client_serial", "{client_cert_serial}"),
    ("ssl_client_verify", "{client_verify}"),
    ("ssl_protocol", "{tls_version}"),
    ("ssl_server_name", "{tls_server_name}"),
    ("time_iso8601", "{start_time}"),
    ("time_local", "{start_time}"),
    ("upstream_addr", "{backend}"),
    ("upstream_hostport", "{backend}"),
    ("upstream_response_time", "{response_time}"),
    ("upstream_status", "{status}"),
    // Caddy.
    ("http.request.host", "{host}"),
    ("http.request.hostport", "{Host}"),
    ("http.request.method", "{method}"),
    ("http.request.port", "{port}"),
    ("http.request.remote", "{addr}"),
    ("http.request.remote.host", "{addr}"),
    ("http.request.scheme", "{scheme}"),
    ("http.request.uri", "{path_and_query}"),
    ("http.request.uri.path", "{path}"),
    ("http.request.uri.query", "{query}"),
    ("http.request.uuid", "{request_id_full}"),
];

/// Names that are equal here and only need braces.
const SAME: &[&str] =
    &["host", "method", "path", "path_and_query", "port", "query", "request_id", "scheme", "status", "addr"];

/// The variable for a header that `proxy` sends by default.
const SENT: &str = "proxy_add_x_forwarded_for";

/// Advice for a variable of nginx, written `$name`.
pub(super) fn variable(name: &str) -> String {
    if name == SENT {
        return "the proxy sends X-Forwarded-For by itself: leave it out".into();
    }
    match known_variable(name) {
        Some(ours) => format!("write {ours}"),
        None => "a value is written {name}, as in {path}".into(),
    }
}

/// The equivalent of a variable of nginx; `None` if the variable is unknown.
pub(super) fn known_variable(name: &str) -> Option<String> {
    ours(name).or_else(|| SAME.contains(&name).then(|| format!("{{{name}}}")))
}

/// The equivalent of a placeholder of Caddy, or of a variable of nginx in braces; `None` if it is unknown.
pub(super) fn placeholder(name: &str) -> Option<String> {
    match name {
        "uri" => Some("{path_and_query}".into()),
        "remote" => Some("{addr}".into()),
        _ => ours(name),
    }
}

/// The equivalent of a name in another system.
fn ours(name: &str) -> Option<String> {
    if let Some((_, ours)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some((*ours).into());
    }
    if let Some(cookie) = name.strip_prefix("cookie_").or_else(|| name.strip_prefix("http.request.cookie.")) {
        return Some(format!("{{cookie.{cookie}}}"));
    }
    let header = ["http.request.header.", "header.", "upstream_http_", "sent_http_", "http_"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))?;
    Some(format!("{{{}}}", dashed(header)))
}

/// `X-Real-Ip` for `x_real_ip`.
fn dashed(name: &str) -> String {
    let words = name.split(['_', '-']).map(|word| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    });
    words.collect::<Vec<_>>().join("-")
}

/// A sample of HAProxy's log format, `%[src]`, with its equivalent.
pub(super) fn sample(text: &str) -> Option<(&str, Option<String>)> {
    let start = text.find("%[")?;
    let end = start + text[start..].find(']')?;
    let inner = &text[start + 2..end];
    let ours = match inner {
        "src" => Some("{addr}".into()),
        "path" => Some("{path}".into()),
        "method" => Some("{method}".into()),
        "status" => Some("{status}".into()),
        "query" => Some("{query}".into()),
        "dst_port" => Some("{port}".into()),
        _ => ["req.hdr(", "hdr(", "req.fhdr(", "res.hdr("]
            .iter()
            .find_map(|call| inner.strip_prefix(call)?.strip_suffix(')'))
            .map(|name| format!("{{{}}}", dashed(name))),
    };
    Some((&text[start..=end], ours))
}

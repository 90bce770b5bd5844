//! Hosts that a configuration may name.

/// Refuses a host that no client can ask for. `host` is `text` in lower case, without a leading star and a trailing
/// dot.
pub(crate) fn check_host(text: &str, host: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{text:?} {why}"));
    if host.is_empty() {
        return wrong("is not a valid host: write one such as \"example.com\" or \"*.example.com\"");
    }
    if host == "*" {
        return wrong("is every host: leave hosts out");
    }
    if text.contains("://") || text.contains('/') {
        return wrong("is a URL: write its host alone, such as \"example.com\"");
    }
    if host.contains('*') {
        return wrong("has a * somewhere other than at its start: write \"*.example.com\", or a Regexp");
    }
    if !host.is_ascii() {
        return wrong("is not ASCII: write it in its xn-- form");
    }
    if host.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(format!("{text:?} is an IPv6 address without brackets: write \"[{host}]\""));
    }
    if !host.starts_with('[') && host.contains(':') || host.contains("]:") {
        return wrong("has a port: write the host alone, and add ports: [8080]");
    }
    match proxy_http::message::check_authority(host.as_bytes()) {
        Ok(()) if !host.contains("..") && !host.starts_with('.') => Ok(()),
        _ => wrong("is not a valid host: write one such as \"example.com\" or \"*.example.com\""),
    }
}

use super::*;

fn tcp(host: &str, port: impl Into<Option<u16>>, tls: impl Into<Option<bool>>) -> Address {
    let host = host.parse().map_or_else(|_| Host::Name(host.into()), Host::Ip);
    Address::Tcp { host, port: port.into(), tls: tls.into(), http2: false }
}

fn http2(host: &str, port: u16) -> Address {
    Address::Tcp { host: Host::Name(host.into()), port: Some(port), tls: Some(false), http2: true }
}

#[test]
fn every_documented_form_is_understood() {
    for (text, address) in [
        ("10.0.0.1:3001", tcp("10.0.0.1", 3001, None)),
        ("127.0.0.1", tcp("127.0.0.1", None, None)),
        ("host:3001", tcp("host", 3001, None)),
        ("host", tcp("host", None, None)),
        ("App_1.Internal.:80", tcp("app_1.internal.", 80, None)),
        ("http://host:3001", tcp("host", 3001, false)),
        ("http://host", tcp("host", None, false)),
        ("http://host:3001/path?query#fragment", tcp("host", 3001, false)),
        ("HTTPS://host", tcp("host", None, true)),
        ("https://[fd00::2]/x", tcp("fd00::2", None, true)),
        ("h2://host:3001", http2("host", 3001)),
        ("[::1]:3001", tcp("::1", 3001, None)),
        ("[::1]", tcp("::1", None, None)),
        ("unix:/run/app.sock", Address::Unix("/run/app.sock".into())),
        ("unix:///run/app.sock", Address::Unix("/run/app.sock".into())),
        ("unix:tmp/sockets/puma.sock", Address::Unix("tmp/sockets/puma.sock".into())),
        ("unix://tmp/puma.sock", Address::Unix("tmp/puma.sock".into())),
    ] {
        assert_eq!(Address::parse(text), Ok(address), "{text}");
    }
}

#[test]
fn what_is_no_address_is_refused_with_a_reason_and_a_remedy() {
    let long = format!("unix:/{}", "x".repeat(107));
    for (text, reason) in [
        ("", "write a host and a port"),
        ("localhost:http", "the port must be a number from 1 to 65535"),
        ("host:", "the port must be a number"),
        ("host:0", "the port must be a number"),
        ("host:65536", "the port must be a number"),
        ("host:+80", "the port must be a number"),
        ("::1", r#"in brackets, as in "[::1]:3001""#),
        ("::1:3001", r#"in brackets, as in "[::1]:3001""#),
        ("[::1", "never closed"),
        ("[::1]3001", "only a port can follow"),
        ("[10.0.0.1]", "is not a valid IPv6 address"),
        ("10.0.0.256:80", "is not a valid IPv4 address"),
        ("127.1", "is not a valid IPv4 address"),
        ("ftp://host", "write http://, https://, h2:// or unix:"),
        ("http://", "the host is missing"),
        (":3001", "the host is missing"),
        ("http://unix:/run/app.sock", r#"as "unix:/run/app.sock""#),
        ("http://user:secret@host", "set the Authorization header with `headers`"),
        ("/tmp/puma.sock", r#"for a unix socket write "unix:/tmp/puma.sock""#),
        ("tmp/puma.sock", r#"for a unix socket write "unix:tmp/puma.sock""#),
        ("file:///tmp/puma.sock", r#"for a unix socket write "unix:/tmp/puma.sock""#),
        ("host:3001/path", "put it into `to`"),
        ("ho st:80", "' ' is not allowed in a host name"),
        ("host\r\n:80", r"'\r' is not allowed"),
        ("bücher.example", "xn--"),
        ("a..b", "1 to 63 characters"),
        ("unix:", r#""unix:/run/app.sock""#),
        (&long, "at most 107 bytes"),
    ] {
        let error = Address::parse(text).expect_err(text);
        assert!(error.contains(reason), "{text:?}: {error}");
    }
}

#[test]
fn an_authority_can_name_neither_a_socket_nor_a_scheme() {
    assert_eq!(Address::parse_authority("Host:81"), Ok(tcp("host", 81, None)));
    for text in ["unix:/run/docker.sock", "http://host", "unix:", "host/", "a@b"] {
        Address::parse_authority(text).expect_err(text);
    }
}

#[test]
fn host_field_names_the_port_unless_it_is_the_schemes_own() {
    for (text, tls, field) in [
        ("host:3001", false, "host:3001"),
        ("host:80", false, "host"),
        ("host:80", true, "host:80"),
        ("host:443", true, "host"),
        ("host", true, "host"),
        ("[::1]:3001", false, "[::1]:3001"),
        ("[::1]", false, "[::1]"),
        ("unix:/run/app.sock", false, "localhost"),
    ] {
        assert_eq!(Address::parse(text).expect(text).host_field(tls), field, "{text}");
    }
}

#[test]
fn localhost_is_known_with_and_without_its_dot() {
    for (text, is) in [("localhost", true), ("LOCALHOST.", true), ("app.localhost", true), ("localhost.example", false)]
    {
        let Ok(Address::Tcp { host, .. }) = Address::parse(text) else { panic!("{text}") };
        assert_eq!(host.is_localhost(), is, "{text}");
    }
}

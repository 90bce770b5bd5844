use std::fmt::Write;

use proptest::prelude::*;
use proxy_http::http1::parse_request;
use proxy_http::message::RequestHead;

use super::*;

fn trusted(texts: &[&str]) -> TrustedProxies {
    let mut problems = Vec::new();
    let value = texts.iter().map(|text| (*text).to_owned()).collect();
    let spec = config::TrustedProxiesConfig { value, ..Default::default() };
    let trusted = TrustedProxies::compile(&spec, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    trusted
}

fn peer(addr: &str) -> ClientInfo {
    ClientInfo { addr: addr.into(), ip: addr.parse().ok(), local_port: Some(8080), ..ClientInfo::default() }
}

fn head(fields: &str) -> RequestHead {
    let mut head = RequestHead::default();
    parse_request(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(), &mut head).expect("a head");
    head
}

/// Address, scheme and port of the client for which 10.0.0.1 asks with these fields.
fn client(fields: &str) -> (String, &'static str, Option<u16>) {
    let trusted = trusted(&["10.0.0.0/8", "fd00::/8"]);
    let peer = peer("10.0.0.1");
    let client = trusted.client(&head(fields).fields, &peer).unwrap_or(peer);
    assert_eq!(client.ip.map(|ip| ip.to_string()).unwrap_or_default(), *client.addr, "text and address are the same");
    (client.addr.to_string(), client.scheme(), client.local_port)
}

#[test]
fn the_client_is_the_right_most_address_that_is_not_trusted() {
    for (value, expected) in [
        ("192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7, 10.0.0.2, fd00::1, ::ffff:10.1.1.1", "192.0.2.7"),
        ("192.0.2.7,10.0.0.2", "192.0.2.7"),
        (" , 192.0.2.7 ,, 10.0.0.2 ,", "192.0.2.7"),
        ("192.0.2.7:4711, 10.0.0.2:80", "192.0.2.7"),
        ("\"192.0.2.7:4711\", \"[fd00::1]:80\"", "192.0.2.7"),
        ("2001:db8::7, 10.0.0.2", "2001:db8::7"),
        ("[2001:db8::7]:80", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        // If all are trusted: the left-most.
        ("10.0.0.4, 10.0.0.3, 10.0.0.2", "10.0.0.4"),
        // An entry that is not an address ends the search.
        ("6.6.6.6, unknown, 10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("6.6.6.6, _hidden, 192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, unknown", "10.0.0.1"),
        ("6.6.6.6, 192.0.2.999", "10.0.0.1"),
        ("6.6.6.6 192.0.2.7", "10.0.0.1"),
        ("garbage", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("\", 192.0.2.7", "192.0.2.7"),
    ] {
        assert_eq!(client(&format!("X-Forwarded-For: {value}\r\n")).0, expected, "{value}");
    }
}

#[test]
fn several_lines_are_one_list() {
    let lines = "X-Forwarded-For: 6.6.6.6\r\nX-Other: 1\r\nx-forwarded-for: 192.0.2.7\r\n\
                 X-FORWARDED-FOR: 10.0.0.3, 10.0.0.2\r\n";
    assert_eq!(client(lines).0, "192.0.2.7");
    assert_eq!(client("Forwarded: for=6.6.6.6\r\nforwarded: for=192.0.2.7, for=10.0.0.2\r\n").0, "192.0.2.7");
}

#[test]
fn forwarded_is_read_the_same_way() {
    for (value, expected, scheme) in [
        ("for=192.0.2.7", "192.0.2.7", "http"),
        ("for=6.6.6.6;proto=http, For=192.0.2.7;Proto=HTTPS, for=10.0.0.2;proto=http", "192.0.2.7", "https"),
        ("for=\"[2001:db8::7]:4711\";proto=https;by=\"[fd00::1]\"", "2001:db8::7", "https"),
        ("for=\"192.0.2.7:4711\";host=\"a, for=6.6.6.6\"", "192.0.2.7", "http"),
        ("for=\"192.0.2.7:_port\"", "192.0.2.7", "http"),
        ("for=10.0.0.3;proto=https, for=10.0.0.2", "10.0.0.3", "https"),
        ("for=6.6.6.6;proto=https, for=unknown", "10.0.0.1", "http"),
        ("for=6.6.6.6;proto=http, for=unknown;proto=https", "10.0.0.1", "https"),
        ("for=6.6.6.6;proto=http, proto=https", "10.0.0.1", "https"),
        ("for=6.6.6.6;proto=https, for=_a, for=10.0.0.2", "10.0.0.2", "http"),
        ("for=6.6.6.6;proto=https, for=192.0.2.7;for=6.6.6.6", "10.0.0.1", "http"),
        ("for=6.6.6.6;x=\", for=192.0.2.7", "192.0.2.7", "http"),
        ("192.0.2.7", "10.0.0.1", "http"),
        ("for=192.0.2.7;proto=ftp", "192.0.2.7", "http"),
    ] {
        let (addr, of_client, _) = client(&format!("Forwarded: {value}\r\n"));
        assert_eq!((addr.as_str(), of_client), (expected, scheme), "{value}");
    }
}

#[test]
fn x_forwarded_for_counts_alone_where_both_are_there() {
    let both = "Forwarded: for=6.6.6.6;proto=https\r\nX-Forwarded-For: 192.0.2.7\r\n";
    assert_eq!(client(both), ("192.0.2.7".into(), "http", Some(8080)));
    let garbage = "Forwarded: for=6.6.6.6;proto=https\r\nX-Forwarded-For: unknown\r\n";
    assert_eq!(client(garbage), ("10.0.0.1".into(), "http", Some(8080)));
}

#[test]
fn the_scheme_is_the_last_that_is_named() {
    for (value, scheme) in
        [("https", "https"), ("HTTPS", "https"), ("https, http", "http"), ("ftp", "http"), ("https,x", "http")]
    {
        let fields = format!("X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: {value}\r\n");
        assert_eq!(client(&fields).1, scheme, "{value}");
    }
    assert_eq!(client("X-Forwarded-Proto: http\r\nX-Forwarded-Proto: https\r\n"), ("10.0.0.1".into(), "https", None));
    assert_eq!(client("X-Forwarded-Proto: http\r\nForwarded: for=192.0.2.7;proto=https\r\n").1, "http");
}

#[test]
fn the_port_is_the_one_that_is_named() {
    assert_eq!(client("X-Forwarded-Proto: https\r\nX-Forwarded-Port: 80, 8443\r\n").2, Some(8443));
    assert_eq!(client("X-Forwarded-Port: 65536\r\n").2, Some(8080));
    assert_eq!(client("X-Forwarded-Proto: https\r\nX-Forwarded-Port: x\r\n").2, None, "ours is not that of https");
}

#[test]
fn what_is_not_said_needs_no_client_of_its_own() {
    let trusted = trusted(&["10.0.0.1"]);
    for fields in ["", "X-Forwarded-For: unknown\r\n", "Forwarded: for=_a\r\n", "X-Forwarded-Proto: ftp\r\n"] {
        assert!(trusted.client(&head(fields).fields, &peer("10.0.0.1")).is_none(), "{fields}");
    }
}

#[test]
fn only_those_who_are_named_are_trusted() {
    let some = trusted(&["10.0.0.0/8", "::1"]);
    for (addr, expected) in [("10.1.2.3", true), ("11.0.0.1", false), ("::1", true), ("::2", false), ("", false)] {
        assert_eq!(some.trusts(&peer(addr)), expected, "{addr}");
    }
    assert!(trusted(&["unix:"]).trusts(&peer("")), "the client of a unix socket has no address");
    assert!(!trusted(&["unix:"]).trusts(&peer("10.0.0.1")));
    assert!(!trusted(&[]).trusts(&peer("")) && !trusted(&[]).trusts(&peer("127.0.0.1")));
}

#[test]
fn mistakes_say_what_to_write_instead() {
    let mut problems = Vec::new();
    let spec = config::TrustedProxiesConfig {
        value: vec!["10.0.0.1/8".into(), "proxy.internal".into(), "unix:/run/a.sock".into(), "::/0".into()],
        ..Default::default()
    };
    TrustedProxies::compile(&spec, &mut problems);
    let texts: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert!(texts[0].contains("write \"10.0.0.0/8\" for the network"), "{texts:?}");
    assert!(texts[1].starts_with("\"proxy.internal\" is not a valid address or network: write one"), "{texts:?}");
    assert!(texts[2].starts_with("\"unix:/run/a.sock\""), "{texts:?}");
    assert!(texts[3].starts_with("\"::/0\" lets everybody claim any address: write"), "{texts:?}");
}

#[test]
fn a_field_of_64_kib_costs_linear_time() {
    let trusted = trusted(&["10.0.0.0/8"]);
    for member in ["10.0.0.2,", "\"\\\",", "for=10.0.0.2;", "for=10.0.0.2,", ",", "\"", ";"] {
        for name in ["X-Forwarded-For", "Forwarded", "X-Forwarded-Proto"] {
            let mut fields = String::new();
            write!(fields, "{name}: {}10.0.0.2\r\n", member.repeat(64_000 / member.len())).expect("text");
            let head = head(&fields);
            let begun = tokio::time::Instant::now();
            for _ in 0..10 {
                trusted.client(&head.fields, &peer("10.0.0.1"));
            }
            // A few milliseconds, without optimisation. In quadratic time it would be a minute.
            assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{name}: {member}: {:?}", begun.elapsed());
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_said_is_read_without_a_panic_and_no_client_is_made_up(
        name in prop_oneof![
            Just("X-Forwarded-For"),
            Just("Forwarded"),
            Just("X-Forwarded-Proto"),
            Just("X-Forwarded-Port"),
        ],
        lines in prop::collection::vec(
            prop_oneof![
                "[ -~\u{80}-\u{ff}]{0,80}",
                "(for=|proto=|host=|[0-9.]{1,12}|10\\.0\\.0\\.2|192\\.0\\.2\\.7|\\[::1\\]|unknown|https?|[,;\"\\\\: \
                 ]){0,20}",
            ],
            0..4,
        ),
    ) {
        let mut text = String::new();
        for line in &lines {
            write!(text, "{name}: {line}\r\n").expect("text");
        }
        let trusted = trusted(&["10.0.0.0/8"]);
        // Without quotes, a reader from the left sees the same last member.
        let found = trusted.client(&head(&text).fields, &peer("10.0.0.1"));
        let last = lines.iter().flat_map(|line| line.split(',')).map(str::trim).rfind(|member| !member.is_empty());
        if let (Some(last), "X-Forwarded-For", false) = (last, name, text.contains('"')) {
            if let Some(ip) = address(last.as_bytes()).filter(|ip| !trusted.networks.contains(*ip)) {
                prop_assert_eq!(found.and_then(|client| client.ip), Some(ip));
            }
        }
    }
}

/// Names of the fields that are kept.
fn believed(believed: Option<&[&str]>, from_trusted: bool, fields: &str) -> Vec<String> {
    let fields_of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let spec = config::TrustedProxiesConfig { fields: believed.map(fields_of), ..Default::default() };
    let mut problems = Vec::new();
    let trusted = TrustedProxies::compile(&spec, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    let mut fields = head(fields).fields;
    trusted.drop_unbelieved(&mut fields, from_trusted);
    fields.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).skip(1).collect()
}

#[test]
fn a_trusted_proxy_is_believed_the_fields_that_are_listed() {
    let fields = "X-Forwarded-For: 1\r\nX-Forwarded-Ssl: on\r\nProxy: x\r\nX-Sum: 1\r\nx_forwarded_for: 2\r\n";
    assert_eq!(believed(None, false, fields), ["X-Sum"]);
    assert_eq!(believed(None, true, fields), ["X-Forwarded-For", "X-Forwarded-Ssl", "X-Sum", "x_forwarded_for"]);
    assert_eq!(believed(Some(&["x-forwarded-for"]), true, fields), ["X-Forwarded-For", "X-Sum"]);
    assert_eq!(believed(Some(&[]), true, fields), ["X-Sum"]);
    assert_eq!(believed(Some(&["X-Forwarded-For"]), false, fields), ["X-Sum"]);
}

#[test]
fn only_fields_of_that_kind_can_be_listed() {
    for name in ["X-Sum", "Proxy", "X_Forwarded_For", "X-Accel-Mapping", "", "X-Forwarded-For "] {
        let mut problems = Vec::new();
        let spec = config::TrustedProxiesConfig { fields: Some(vec![name.into()]), ..Default::default() };
        TrustedProxies::compile(&spec, &mut problems);
        assert!(
            problems[0].message.starts_with(&format!("fields: {name:?} is not a header in which a proxy names")),
            "{problems:?}"
        );
    }
}

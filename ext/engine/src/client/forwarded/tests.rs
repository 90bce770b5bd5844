use std::time::Duration;

use proxy_http::http1::parse_request;

use super::*;

const ID: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

fn tcp(addr: &str) -> ClientInfo {
    ClientInfo { addr: addr.into(), ip: addr.parse().ok(), local_port: Some(8080), ..ClientInfo::default() }
}

/// The fields of the request head `text` after `forwarding` is applied for a client that connects directly.
fn applied(text: &str, forwarding: Forwarding, client: &ClientInfo, own: &[Known]) -> Vec<(String, String)> {
    applied_for(text, forwarding, Sender { client, trusted_hop: None }, own)
}

fn applied_for(text: &str, forwarding: Forwarding, sender: Sender<'_>, own: &[Known]) -> Vec<(String, String)> {
    let mut head = RequestHead::default();
    parse_request(text.as_bytes(), &mut head).expect("a well formed head");
    let stamp = Stamp { id: RequestId::from(ID), start: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123) };
    let own = own.iter().copied().fold(KnownNames::default(), KnownNames::with);
    apply(&mut head, forwarding, sender, stamp, own, &mut b"left over from the last request".to_vec());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    head.fields.iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn request(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: site.example:81\r\n{fields}\r\n")
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn value_of<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    let mut found = fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

const STAMPS: [(&str, &str); 2] =
    [("X-Request-Id", "0123456789abcdef0011223344556677"), ("X-Request-Start", "t=1700000000123")];

#[test]
fn a_backend_is_told_who_asked_and_how() {
    let expected = [
        ("Host", "site.example:81"),
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Real-IP", "192.0.2.7"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Port", "8080"),
        ("X-Forwarded-Host", "site.example:81"),
        STAMPS[0],
        STAMPS[1],
    ];
    assert_eq!(applied(&request(""), Forwarding::XForwarded, &tcp("192.0.2.7"), &[]), pairs(&expected));
}

#[test]
fn what_the_client_says_of_itself_is_replaced() {
    let lies = "X-Forwarded-For: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\nX-REAL-IP: 10.0.0.3\r\n\
                X-Forwarded-Proto: https\r\n\
                X-Forwarded-Port: 443\r\nX-Forwarded-Host: evil\r\nForwarded: for=10.0.0.4\r\n\
                Forwarded: for=10.0.0.5\r\n";
    let fields = applied(&request(lies), Forwarding::XForwarded, &tcp("192.0.2.7"), &[]);
    for (name, value) in [
        ("X-Forwarded-For", Some("192.0.2.7")),
        ("X-Real-IP", Some("192.0.2.7")),
        ("X-Forwarded-Proto", Some("http")),
        ("X-Forwarded-Port", Some("8080")),
        ("X-Forwarded-Host", Some("site.example:81")),
        ("Forwarded", None),
    ] {
        assert_eq!(value_of(&fields, name), value, "{name}");
    }
}

#[test]
fn rfc_7239_replaces_the_other_family() {
    let lies =
        "X-Forwarded-For: 10.0.0.1\r\nX-Real-IP: 10.0.0.3\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n\
         X-Forwarded-Host: evil\r\nForwarded: for=10.0.0.4\r\n";
    let expected = [
        ("Host", "site.example:81"),
        ("Forwarded", "for=192.0.2.7;host=\"site.example:81\";proto=http"),
        STAMPS[0],
        STAMPS[1],
    ];
    assert_eq!(applied(&request(lies), Forwarding::Rfc7239, &tcp("192.0.2.7"), &[]), pairs(&expected));
}

#[test]
fn ipv6_addresses_are_bracketed_in_forwarded_alone() {
    let client = tcp("2001:db8::7");
    let fields = applied(&request(""), Forwarding::XForwarded, &client, &[]);
    assert_eq!(value_of(&fields, "X-Forwarded-For"), Some("2001:db8::7"));
    assert_eq!(value_of(&fields, "X-Real-IP"), Some("2001:db8::7"));
    let fields = applied(&request(""), Forwarding::Rfc7239, &client, &[]);
    let forwarded = "for=\"[2001:db8::7]\";host=\"site.example:81\";proto=http";
    assert_eq!(value_of(&fields, "Forwarded"), Some(forwarded));
}

#[test]
fn a_client_of_a_unix_socket_has_neither_address_nor_port() {
    let client = ClientInfo::default();
    let lies = "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Port: 443\r\n";
    let fields = applied(&request(lies), Forwarding::XForwarded, &client, &[]);
    assert_ne!(value_of(&fields, "X-Forwarded-For"), Some("10.0.0.1"));
    assert_eq!(value_of(&fields, "X-Forwarded-Port"), None);
    let fields = applied(&request(lies), Forwarding::Rfc7239, &client, &[]);
    assert_eq!(value_of(&fields, "Forwarded"), Some("for=unknown;host=\"site.example:81\";proto=http"));
}

#[test]
fn a_tls_client_came_over_https() {
    let client = ClientInfo { tls: true, ..tcp("192.0.2.7") };
    let fields = applied(&request(""), Forwarding::XForwarded, &client, &[]);
    assert_eq!(value_of(&fields, "X-Forwarded-Proto"), Some("https"));
    let fields = applied(&request(""), Forwarding::Rfc7239, &client, &[]);
    assert!(value_of(&fields, "Forwarded").is_some_and(|value| value.ends_with(";proto=https")));
}

#[test]
fn the_host_is_that_of_an_absolute_target() {
    let text = "GET http://target.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n";
    let fields = applied(text, Forwarding::XForwarded, &tcp("192.0.2.7"), &[]);
    assert_eq!(value_of(&fields, "X-Forwarded-Host"), Some("target.example"));
}

#[test]
fn a_request_without_a_host_names_none() {
    let text = "GET / HTTP/1.0\r\nX-Forwarded-Host: evil\r\nForwarded: host=evil\r\n\r\n";
    let fields = applied(text, Forwarding::XForwarded, &tcp("192.0.2.7"), &[]);
    assert_eq!(value_of(&fields, "X-Forwarded-Host"), None);
    let fields = applied(text, Forwarding::Rfc7239, &tcp("192.0.2.7"), &[]);
    assert_eq!(value_of(&fields, "Forwarded"), Some("for=192.0.2.7;proto=http"));
}

#[test]
fn a_request_id_and_start_that_are_there_are_kept() {
    let given = "X-Request-Id: mine\r\nx-request-start: t=1\r\n";
    for forwarding in [Forwarding::XForwarded, Forwarding::Rfc7239] {
        let fields = applied(&request(given), forwarding, &tcp("192.0.2.7"), &[]);
        assert_eq!(value_of(&fields, "X-Request-Id"), Some("mine"));
        assert_eq!(value_of(&fields, "X-Request-Start"), Some("t=1"));
    }
}

#[test]
fn fields_that_the_configuration_sets_are_left_alone() {
    let names = [
        Known::XForwardedFor,
        Known::XRealIp,
        Known::XForwardedProto,
        Known::XForwardedPort,
        Known::XForwardedHost,
        Known::Forwarded,
        Known::XRequestId,
        Known::XRequestStart,
    ];
    for own in names {
        for forwarding in [Forwarding::XForwarded, Forwarding::Rfc7239] {
            let absent = applied(&request(""), forwarding, &tcp("192.0.2.7"), &[own]);
            assert_eq!(value_of(&absent, own.as_str()), None, "{own:?} {forwarding:?}");
            let given = request(&format!("{}: given\r\n", own.as_str()));
            let kept = applied(&given, forwarding, &tcp("192.0.2.7"), &[own]);
            assert_eq!(value_of(&kept, own.as_str()), Some("given"), "{own:?} {forwarding:?}");
        }
    }
}

#[test]
fn switched_off_everything_passes_as_it_came() {
    let given = "X-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.4\r\n";
    let expected = [("Host", "site.example:81"), ("X-Forwarded-For", "10.0.0.1"), ("Forwarded", "for=10.0.0.4")];
    assert_eq!(applied(&request(given), Forwarding::Off, &tcp("192.0.2.7"), &[]), pairs(&expected));
}

/// The fields for a client behind a trusted proxy.
fn through(client: &ClientInfo, fields: &str, forwarding: Forwarding) -> Vec<(String, String)> {
    applied_for(&request(fields), forwarding, Sender { client, trusted_hop: Some(&tcp("10.0.0.1")) }, &[])
}

#[test]
fn what_a_trusted_proxy_says_is_kept_and_the_proxy_is_added() {
    let client = ClientInfo { tls: true, local_port: Some(443), ..tcp("192.0.2.7") };
    let said = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.7, 10.0.0.2\r\nX-Forwarded-Proto: http, https\r\n\
                X-Forwarded-Host: shop.example\r\nX-Forwarded-Port: 443\r\nX-Real-IP: 6.6.6.6\r\n\
                Forwarded: for=6.6.6.6\r\n";
    let fields = through(&client, said, Forwarding::XForwarded);
    for (name, value) in [
        ("X-Forwarded-For", Some("6.6.6.6, 192.0.2.7, 10.0.0.2, 10.0.0.1")),
        ("X-Real-IP", Some("192.0.2.7")),
        ("X-Forwarded-Proto", Some("https")),
        ("X-Forwarded-Port", Some("443")),
        ("X-Forwarded-Host", Some("shop.example")),
        ("Forwarded", None),
    ] {
        assert_eq!(value_of(&fields, name), value, "{name}");
    }
}

#[test]
fn a_trusted_proxy_that_says_nothing_is_the_client() {
    let proxy = tcp("10.0.0.1");
    let fields = through(&proxy, "", Forwarding::XForwarded);
    assert_eq!(value_of(&fields, "X-Forwarded-For"), Some("10.0.0.1"));
    assert_eq!(value_of(&fields, "X-Forwarded-Host"), Some("site.example:81"));
    assert_eq!(value_of(&fields, "X-Forwarded-Port"), Some("8080"));
    let fields = through(&proxy, "", Forwarding::Rfc7239);
    assert_eq!(value_of(&fields, "Forwarded"), Some("for=10.0.0.1;host=\"site.example:81\";proto=http"));
}

#[test]
fn a_trusted_proxy_at_a_unix_socket_adds_no_address_to_the_chain() {
    let client = tcp("192.0.2.7");
    let sender = Sender { client: &client, trusted_hop: Some(&ClientInfo::default()) };
    let fields = applied_for(&request("X-Forwarded-For: 192.0.2.7\r\n"), Forwarding::XForwarded, sender, &[]);
    assert_eq!(value_of(&fields, "X-Forwarded-For"), Some("192.0.2.7"));
}

#[test]
fn rfc_7239_adds_an_element_to_what_a_trusted_proxy_says() {
    let client = ClientInfo { tls: true, ..tcp("192.0.2.7") };
    let said = "Forwarded: for=192.0.2.7;proto=https\r\nForwarded: for=\"[2001:db8::2]:80\"\r\n";
    let chain = "for=192.0.2.7;proto=https, for=\"[2001:db8::2]:80\", for=10.0.0.1;host=\"site.example:81\";proto=http";
    assert_eq!(value_of(&through(&client, said, Forwarding::Rfc7239), "Forwarded"), Some(chain));
}

#[test]
fn one_family_of_fields_is_told_on_in_the_other() {
    let client = ClientInfo { tls: true, ..tcp("2001:db8::7") };
    let said = "X-Forwarded-For: 2001:db8::7\r\nX-Forwarded-Host: a\"b\r\nForwarded: for=6.6.6.6\r\n";
    let chain = "for=\"[2001:db8::7]\";host=\"a\\\"b\";proto=https, for=10.0.0.1;host=\"site.example:81\";proto=http";
    let fields = through(&client, said, Forwarding::Rfc7239);
    assert_eq!(value_of(&fields, "Forwarded"), Some(chain));
    assert_eq!(value_of(&fields, "X-Forwarded-For"), None);
    let fields = through(&client, "Forwarded: for=\"[2001:db8::7]\"\r\n", Forwarding::XForwarded);
    assert_eq!(value_of(&fields, "X-Forwarded-For"), Some("2001:db8::7, 10.0.0.1"));
    assert_eq!(value_of(&fields, "Forwarded"), None);
}

use super::super::tests::dns_server::{DnsServer, Reply};
use super::super::tests::within;
use super::*;

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().expect("an address")).collect()
}

#[tokio::test]
async fn both_families_are_asked_for_and_the_time_to_live_is_kept() {
    let server = DnsServer::start(Reply::addresses(77, &["::1", "127.0.0.2", "127.0.0.1"])).await;
    let answer = within(server.dns().lookup("app.test", &[])).await.expect("an answer");
    let addresses = ips(&["127.0.0.1", "127.0.0.2", "::1"]);
    assert_eq!(answer, DnsAnswer { addresses, ttl: Duration::from_secs(77) });
}

#[tokio::test]
async fn times_to_live_are_held_between_a_second_and_an_hour() {
    for (ttl, used) in [(0, SHORTEST_TTL), (86_400, LONGEST_TTL)] {
        let server = DnsServer::start(Reply::addresses(ttl, &["127.0.0.1"])).await;
        assert_eq!(within(server.dns().lookup("app.test", &[])).await.expect("an answer").ttl, used);
    }
}

#[tokio::test]
async fn nothing_is_remembered_from_one_lookup_to_the_next() {
    let server = DnsServer::start(Reply::addresses(3600, &["127.0.0.1"])).await;
    let dns = server.dns();
    within(dns.lookup("app.test", &[])).await.expect("an answer");
    server.answer(Reply::NoSuchName);
    within(dns.lookup("app.test", &[])).await.expect_err("the name is gone");
    server.answer(Reply::addresses(3600, &["127.0.0.2"]));
    assert_eq!(within(dns.lookup("app.test", &[])).await.expect("an answer").addresses, ips(&["127.0.0.2"]));
}

#[tokio::test]
async fn an_address_family_without_an_answer_keeps_its_addresses() {
    let server = DnsServer::start(Reply::OnlyV4 { ttl: 600, addresses: ips(&["127.0.0.2"]) }).await;
    let began = tokio::time::Instant::now();
    let answer = within(server.dns().lookup("app.test", &ips(&["127.0.0.9", "::1"]))).await.expect("an answer");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(answer.addresses, ips(&["127.0.0.2", "::1"]));
    assert_eq!(answer.ttl, UNKNOWN_FAMILY_TTL);
}

#[tokio::test]
async fn a_failing_server_is_an_error_that_names_the_host() {
    let server = DnsServer::start(Reply::ServerFailure).await;
    let error = within(server.dns().lookup("app.test", &ips(&["127.0.0.9"]))).await.expect_err("no answer");
    assert!(error.to_string().starts_with("app.test has no address: "), "{error}");
}

#[tokio::test]
async fn the_systems_way_knows_localhost_without_a_server() {
    let answer = within(Dns::system().lookup("localhost", &[])).await.expect("an answer");
    assert!(answer.addresses.iter().all(IpAddr::is_loopback), "{answer:?}");
}

#[test]
fn servers_are_addresses_with_or_without_a_port() {
    for (text, address) in [
        ("10.0.0.2", "10.0.0.2:53"),
        ("127.0.0.1:5353", "127.0.0.1:5353"),
        ("::1", "[::1]:53"),
        ("[::1]", "[::1]:53"),
        ("[::1]:5353", "[::1]:5353"),
    ] {
        assert_eq!(server(text).expect(text).to_string(), address);
    }
    let mut problems = Vec::new();
    let setting = Setting::of(vec!["dns.example".into(), "10.0.0.2:0".into(), "10.0.0.2".into()]);
    assert!(Dns::compile(&setting, &mut problems).is_none());
    assert_eq!(problems.len(), 2);
    let first = r#"resolver: "dns.example" is not a valid DNS server address: write an IP address"#;
    assert!(problems[0].to_string().starts_with(first), "{}", problems[0]);
}

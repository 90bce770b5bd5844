use std::sync::Arc;

use super::peers::{Manners, TestAuthority};
use crate::acme::dns::DnsProvider;
use crate::acme::order::{Authority, FailureKind};
use crate::blocks::{BlockArgument, BlockIndex, BlockQueue, BlockValue, NextCall, QueueWaiter};
use crate::compile::Report;
use crate::config::{AcmeConfig, DnsProviderConfig};
use crate::tests::pebble::Pebble;
use crate::upstream::Dns;

/// Issuer that Pebble names in its challenges.
const ISSUER: &str = "pebble.letsencrypt.org";

/// A client that proves names by `challenge`, with a block that writes TXT records; what it was called with is sent.
fn client(authority: &TestAuthority, challenge: &str) -> (Arc<Authority>, std::sync::mpsc::Receiver<String>) {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let config = AcmeConfig {
        challenge: Some(vec![challenge.into()]),
        dns: Some(DnsProviderConfig::Block(BlockIndex(0))),
        propagation: Some(10.0),
        ..authority.config()
    };
    let dns = Arc::new(Dns::given(&[authority.pebble.dns.address.parse().expect("an address")]).expect("a resolver"));
    let provider = Report::sound(|report| DnsProvider::compile(&config, &set, &dns, report)).map(Arc::new);
    let (calls, called) = std::sync::mpsc::channel();
    let pebble = Arc::clone(&authority.pebble);
    std::thread::spawn(move || {
        while let NextCall::Call(mut call) = queue.next(&QueueWaiter::default(), false) {
            let Some(BlockArgument::Value(record)) = call.take_argument() else { panic!("no record") };
            write(&pebble, &record);
            let text = |field: &str| record[field].as_str().expect("a text").to_owned();
            let _ = calls.send(format!("{} {}", text("op"), text("name")));
            call.answer(Ok(BlockValue::Null));
        }
    });
    let compiled =
        Report::sound(|report| Authority::compile(&config, &authority.storage, provider.as_ref(), &dns, report));
    (compiled.into_iter().next().expect("an authority"), called)
}

/// Writes a record at the name server of Pebble, which removes all of a name at once.
fn write(pebble: &Pebble, record: &BlockValue) {
    let (name, value) = (record["name"].as_str().expect("a name"), record["value"].as_str().expect("a value"));
    match record["op"].as_str() {
        Some("add") => pebble.dns.add_txt(name, value),
        _ => pebble.dns.clear_txt(name),
    }
}

#[tokio::test]
async fn a_wildcard_and_its_apex_are_proved_by_two_values_at_one_name() {
    let authority = TestAuthority::start(Manners { bad_nonces: 20, ..Manners::default() }).await;
    let (client, called) = client(&authority, "dns-01");
    authority.order(&client, &["app.test", "*.app.test"]).await.expect("a certificate for both");
    let calls: Vec<_> = called.try_iter().collect();
    let (add, remove) = ("add _acme-challenge.app.test", "remove _acme-challenge.app.test");
    assert_eq!(calls, [add, add, remove, remove]);
    assert_eq!(authority.counts(), (1, 1));
    assert_eq!(authority.storage.list("challenges/").await.expect("a list"), Vec::<String>::new());
}

#[tokio::test]
async fn six_names_are_proved_by_dns_01_though_a_fifth_of_the_nonces_is_refused() {
    let authority = TestAuthority::start(Manners { bad_nonces: 20, ..Manners::default() }).await;
    let (client, _called) = client(&authority, "dns-01");
    authority.order_all(&client, (0..6).map(|number| format!("{number}.test"))).await;
    assert_eq!(authority.counts(), (6, 1));
}

#[tokio::test]
async fn six_names_are_proved_by_records_that_a_person_has_written_once() {
    let authority = TestAuthority::start(Manners { bad_nonces: 20, ..Manners::default() }).await;
    let (client, _called) = client(&authority, "dns-persist-01");
    let account = client.account_url().await.expect("an account");
    let failure = authority.order(&client, &["0.test"]).await.expect_err("there is no record");
    assert_eq!(failure.kind, FailureKind::Refused);
    let record = format!("_validation-persist.0.test IN TXT \"{ISSUER}; accounturi={account}\"");
    assert!(failure.message.contains(&record), "{failure}");
    for number in 0..6 {
        let value = format!("{ISSUER}; accounturi={account}; policy=wildcard");
        authority.pebble.dns.add_txt(&format!("_validation-persist.{number}.test"), &value);
    }
    // The order that could not be proved goes on.
    authority.order_all(&client, (0..6).map(|number| format!("{number}.test"))).await;
    assert_eq!(authority.counts(), (6, 1));
    authority.order(&client, &["*.0.test"]).await.expect("a certificate for a wildcard");
}

#[tokio::test]
async fn records_that_a_killed_process_has_left_are_removed() {
    let authority = TestAuthority::start(Manners::default()).await;
    let (client, called) = client(&authority, "dns-01");
    let history = r#"{"records":[["_acme-challenge.app.test","left"]]}"#;
    authority.storage.store("challenges/history/app.test.json", history.as_bytes()).await.expect("stored");
    authority.order(&client, &["app.test"]).await.expect("a certificate");
    let name = "_acme-challenge.app.test";
    let calls: Vec<_> = called.try_iter().collect();
    assert_eq!(calls, [format!("add {name}"), format!("remove {name}"), format!("remove {name}")]);
    assert_eq!(authority.storage.list("challenges/").await.expect("a list"), Vec::<String>::new());
}

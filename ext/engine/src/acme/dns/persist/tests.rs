use std::time::Duration;

use super::*;
use crate::tests::pebble::ChallengeServer;

const ACCOUNT: &str = "https://127.0.0.1/my-account/1";

fn record(name: &str) -> PersistentRecord {
    let issuers = ["pebble.example".to_owned(), "other.example".to_owned()];
    PersistentRecord::new(name, &issuers, ACCOUNT).expect("an issuer")
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn the_record_names_issuer_and_account_and_says_that_wildcards_may_be_ordered() {
    let plain = record("example.com");
    assert_eq!(plain.name, "_validation-persist.example.com");
    assert_eq!(plain.value, format!("pebble.example; accounturi={ACCOUNT}"));
    let wildcard = record("*.example.com");
    assert_eq!(wildcard.name, "_validation-persist.example.com");
    assert_eq!(wildcard.value, format!("pebble.example; accounturi={ACCOUNT}; policy=wildcard"));
    assert_eq!(PersistentRecord::new("example.com", &[], ACCOUNT), None);
}

#[test]
fn a_record_is_read_as_authorities_read_it() {
    let judge = |text: &str| record("example.com").judge(text, at(1_000));
    assert_eq!(judge(&record("example.com").value), Ok(()));
    assert_eq!(judge(&format!("OTHER.example. ;AccountURI={ACCOUNT};x=y;persistUntil=1000")), Ok(()));
    assert_eq!(judge("v=spf1 -all"), Err(None));
    assert_eq!(judge(&format!("stranger.example; accounturi={ACCOUNT}")), Err(None));
    let why = |text: &str| judge(text).expect_err("it is wrong").expect("a reason");
    assert!(why("pebble.example").ends_with("which names no accounturi"));
    assert!(why("pebble.example; accounturi=https://a/2").ends_with("which is for another account"));
    assert!(why(&format!("pebble.example; accounturi={ACCOUNT};")).ends_with("in which a part has no `=`"));
    assert!(why(&format!("pebble.example; accounturi={ACCOUNT}; ACCOUNTURI=")).ends_with("has accounturi twice"));
    assert!(why(&format!("pebble.example; accounturi={ACCOUNT}; persistUntil=999")).ends_with("persistUntil is over"));
    assert!(why(&format!("pebble.example; accounturi={ACCOUNT}; persistUntil=soon")).contains("no number of seconds"));
}

#[test]
fn a_wildcard_needs_its_policy() {
    let judge = |text: &str| record("*.example.com").judge(text, at(1_000));
    let why = judge(&record("example.com").value).expect_err("it is wrong").expect("a reason");
    assert!(why.ends_with("which lacks policy=wildcard"), "{why}");
    assert_eq!(judge(&record("*.example.com").value), Ok(()));
    assert_eq!(record("example.com").judge(&record("*.example.com").value, at(1_000)), Ok(()));
}

#[tokio::test]
async fn a_record_is_looked_for_in_dns_and_its_absence_says_what_to_write() {
    let server = ChallengeServer::start();
    let address = server.address.parse().expect("an address");
    let dns = Arc::new(Dns::given(&[address]).expect("a resolver"));
    let record = record("example.com");
    let why = record.check(&dns, at(1_000)).await.expect_err("nothing is there");
    assert_eq!(
        why,
        format!(
            "write this record, once: _validation-persist.example.com IN TXT \
             \"pebble.example; accounturi={ACCOUNT}\" (the resolver has no such record)"
        )
    );
    server.add_txt(&record.name, "pebble.example; accounturi=https://a/2");
    let why = record.check(&dns, at(1_000)).await.expect_err("it is another account's");
    assert!(why.ends_with("which is for another account)"), "{why}");
    server.add_txt(&record.name, &record.value);
    assert_eq!(record.check(&dns, at(1_000)).await, Ok(()));
    server.fail(&record.name);
    let why = record.check(&dns, at(1_000)).await.expect_err("DNS fails");
    assert!(
        why.contains("it could not be looked for: no answer about TXT of _validation-persist.example.com."),
        "{why}"
    );
}

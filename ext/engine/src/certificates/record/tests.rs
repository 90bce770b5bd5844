use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::storage::Storage;

fn storage() -> (tempfile::TempDir, Storage) {
    let around = tempfile::tempdir().expect("a folder");
    let storage = Storage::in_folder(around.path().join("acme"));
    (around, storage)
}

/// Moment so many days after the epoch.
fn day(days: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(days * 24 * 60 * 60)
}

/// Certificate and key, in this order, of these names, for these days.
fn parts(names: &[&str], days: (u64, u64)) -> [String; 2] {
    let key = KeyPair::generate().expect("a key");
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("parameters");
    (params.not_before, params.not_after) = (day(days.0).into(), day(days.1).into());
    [params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem()]
}

fn pem(names: &[&str], days: (u64, u64)) -> String {
    let [certificate, key] = parts(names, days);
    format!("{key}{certificate}")
}

async fn put(storage: &Storage, key: &str, value: &str) {
    storage.store(key, value.as_bytes()).await.expect("stored");
}

async fn state(storage: &Storage) -> CertificateState {
    CertificateState::load(storage, "a.example").await.expect("loaded")
}

fn tried() -> CertificateState {
    CertificateState {
        names: vec!["a.example".into(), "b.example".into()],
        authority: Some("https://ca.example/directory".into()),
        failures: 3,
        next_attempt: Some(day(9) + Duration::from_nanos(1_234_567)),
        last_error: Some("it is late".into()),
        ..CertificateState::default()
    }
}

#[test]
fn keys_fit_into_file_names() {
    assert_eq!(certificate_key("a.example"), "certificates/a.example.pem");
    assert_eq!(state_key("*.a.example"), "states/_.a.example.json");
    let label = "a".repeat(63);
    let long = |last: char| format!("{label}.{label}.{label}.{}{last}", "a".repeat(60));
    assert_eq!(long('b').len(), 253);
    assert!(certificate_key(&long('b')).len() < 240);
    assert_ne!(certificate_key(&long('b')), certificate_key(&long('c')));
}

#[tokio::test]
async fn a_state_comes_back_as_it_was() {
    let (_around, storage) = storage();
    assert_eq!(state(&storage).await, CertificateState { names: vec!["a.example".into()], ..Default::default() });
    tried().store(&storage).await.expect("stored");
    assert_eq!(state(&storage).await, tried());
    assert_eq!(CertificateState::others(&storage, &[]).await, Ok(vec![tried()]));
}

#[tokio::test]
async fn a_state_of_another_version_is_read_as_far_as_it_is_known() {
    let (_around, storage) = storage();
    put(&storage, "states/a.example.json", r#"{ "names": ["a.example"], "failures": 2, "colour": "blue" }"#).await;
    assert_eq!(state(&storage).await.failures, 2);
}

#[tokio::test]
async fn a_damaged_state_begins_anew_with_the_certificate() {
    let (_around, storage) = storage();
    put(&storage, "certificates/a.example.pem", &pem(&["a.example", "b.example"], (10, 20))).await;
    for damaged in ["", "{\"names\": [\"a.exa", "7", "\u{0}\u{0}\u{0}"] {
        put(&storage, "states/a.example.json", damaged).await;
        let read = state(&storage).await;
        assert_eq!(read.names, ["a.example", "b.example"]);
        assert_eq!((read.not_before, read.not_after), (Some(day(10)), Some(day(20))));
        let told = read.last_error.expect("told");
        assert!(told.starts_with("its state in storage was damaged"), "{told}");
        assert_eq!(read.damage, Some(told));
        assert_eq!(CertificateState::others(&storage, &[]).await, Ok(vec![]));
    }
}

#[tokio::test]
async fn a_new_certificate_makes_decisions_about_the_old_one_void() {
    let (_around, storage) = storage();
    let before = CertificateState {
        not_before: Some(day(1)),
        not_after: Some(day(12)),
        window: Some((day(7), day(8))),
        chosen_at: Some(day(7)),
        ..tried()
    };
    before.store(&storage).await.expect("stored");
    put(&storage, "certificates/a.example.pem", &pem(&["a.example"], (10, 20))).await;
    let read = state(&storage).await;
    let wanted = CertificateState {
        names: before.names.clone(),
        authority: before.authority.clone(),
        not_before: Some(day(10)),
        not_after: Some(day(20)),
        ..Default::default()
    };
    assert_eq!(read, wanted);
    // The certificate is gone, but not what went wrong.
    storage.delete("certificates/a.example.pem").await.expect("deleted");
    assert_eq!(state(&storage).await, tried());
}

#[tokio::test]
async fn a_state_with_impossible_times_begins_anew() {
    let (_around, storage) = storage();
    let far = "{\"next_attempt\": {\"secs_since_epoch\": 9223372036854775000, \"nanos_since_epoch\": 0}}";
    put(&storage, "states/a.example.json", far).await;
    let state = state(&storage).await;
    assert_eq!(state.next_attempt, None);
    assert_eq!(state.last_error.as_deref(), Some("its state in storage has impossible times, and is made anew"));
}

#[tokio::test]
async fn a_damaged_certificate_is_none() {
    let (_around, storage) = storage();
    let [own, key] = parts(&["a.example"], (10, 20));
    let [_, other] = parts(&["a.example"], (10, 20));
    let half = key.split_at(key.len() / 2).0;
    for (damaged, wanted) in [
        ("", "has no usable key"),
        (own.as_str(), "has no usable key"),
        (key.as_str(), "has no certificate"),
        (half, "has no usable key"),
        (&format!("{key}{}", own.split_at(own.len() / 2).0), "is damaged"),
        (&format!("{other}{own}"), "has a key that is not its own"),
    ] {
        put(&storage, "certificates/a.example.pem", damaged).await;
        let read = state(&storage).await;
        assert_eq!((read.not_before, read.not_after), (None, None));
        let told = read.last_error.expect("told");
        assert!(told.contains(wanted) && told.ends_with(", and is ordered anew"), "{told}");
        // It is told once, and not in place of what went wrong since.
        let told_before = CertificateState { names: vec!["a.example".into()], last_error: Some(told), ..read };
        told_before.store(&storage).await.expect("stored");
        assert_eq!(state(&storage).await.damage, None);
        tried().store(&storage).await.expect("stored");
        assert_eq!(state(&storage).await, tried());
        storage.delete("states/a.example.json").await.expect("deleted");
    }
    put(&storage, "certificates/a.example.pem", &format!("{key}{own}")).await;
    let record = CertificateRecord::load(&storage, "a.example").await.expect("loaded").expect("there").expect("sound");
    assert_eq!((record.names, record.not_before, record.not_after), (vec!["a.example".into()], day(10), day(20)));
    record.key.keys_match().expect("they belong together");
}

#[tokio::test]
async fn an_order_under_way_is_found_until_it_ends() {
    let (_around, storage) = storage();
    assert_eq!(PendingOrder::load(&storage, "a.example").await, Ok(None));
    let order = PendingOrder {
        authority: "https://ca.example/directory".into(),
        url: "https://ca.example/order/7".into(),
        names: vec!["a.example".into()],
        key: KeyPair::generate().expect("a key").serialize_pem(),
        misses: 0,
    };
    order.store(&storage).await.expect("stored");
    assert_eq!(PendingOrder::load(&storage, "a.example").await, Ok(Some(order)));
    PendingOrder::delete(&storage, "a.example").await.expect("deleted");
    assert_eq!(PendingOrder::load(&storage, "a.example").await, Ok(None));
    put(&storage, "orders/a.example.json", "{").await;
    assert_eq!(PendingOrder::load(&storage, "a.example").await, Ok(None));
}

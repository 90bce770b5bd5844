use rcgen::{date_time_ymd, CertificateParams};

use super::*;

fn chain(names: &[&str], key: &KeyPair, ends: i32) -> String {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("parameters");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(ends, 1, 1);
    params.self_signed(key).expect("a certificate").pem()
}

#[test]
fn a_chain_must_be_for_the_names_and_the_key_and_still_be_valid() {
    let (key, other) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
    let names = ["example.com".to_owned(), "*.example.com".to_owned()];
    let both = ["*.example.com", "example.com"];
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let check = |chain: String| check(&chain, &names, &key, now);
    assert_eq!(check(chain(&both, &key, 2030)), Ok(()));
    assert_eq!(check(chain(&both[1..], &key, 2030)), Err("it is not for *.example.com".into()));
    assert_eq!(check(chain(&both, &other, 2030)), Err("it is for another key".into()));
    assert_eq!(check(chain(&both, &key, 2025)), Err("it has ended at 2025-01-01T00:00:00.000Z".into()));
    assert_eq!(check("nothing".into()), Err("there is no certificate in it".into()));
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(check(damaged.into()).expect_err("no certificate").starts_with("it cannot be read"));
    let error = check(chain(&both, &key, 2030) + damaged).expect_err("no issuer");
    assert!(error.starts_with("a certificate above it cannot be read"), "{error}");
}

#[test]
fn chains_are_told_apart_by_their_first_certificate() {
    let key = KeyPair::generate().expect("a key");
    let (one, other) = (chain(&["a.test"], &key, 2030), chain(&["b.test"], &key, 2030));
    assert!(is_same(one.as_bytes(), format!("{}{one}{other}", key.serialize_pem()).as_bytes()));
    assert!(!is_same(one.as_bytes(), other.as_bytes()));
    assert!(!is_same(b"", b""));
}

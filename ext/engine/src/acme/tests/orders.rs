use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;

use super::peers::{Manners, TestAuthority};
use crate::acme::order::FailureKind;
use crate::certificates::record::PendingOrder;
use crate::config::AcmeConfig;

fn serial(pem: &[u8]) -> Vec<u8> {
    let der = CertificateDer::pem_slice_iter(pem).next().expect("a certificate").expect("a certificate");
    x509_parser::parse_x509_certificate(&der).expect("a certificate").1.raw_serial().to_vec()
}

#[tokio::test]
async fn an_order_goes_on_after_its_process_was_killed() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    let key = "orders/";
    let placed = async {
        while authority.storage.list(key).await.unwrap_or_default().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = placed => {}
        issued = authority.order(&client, &["app.test"]) => { issued.expect("a certificate"); }
    }
    // As another process would: with nothing in memory.
    let other = authority.client(&authority.config());
    let issued = authority.order(&other, &["app.test"]).await.expect("a certificate");
    let again = authority.order(&other, &["app.test"]).await.expect("the certificate of the order that is not settled");
    assert_eq!(issued.pem, again.pem);
    assert_eq!(authority.counts(), (1, 1));
    other.settle("app.test").await;
    assert_eq!(authority.storage.list("orders/").await.expect("a list"), Vec::<String>::new());
    let renewed = authority.order(&other, &["app.test"]).await.expect("another certificate");
    assert_ne!(serial(&issued.pem), serial(&renewed.pem));
    assert_eq!(authority.pebble.orders(), 2);
}

#[tokio::test]
async fn an_order_that_was_left_with_another_key_is_replaced_at_once() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    let first = authority.order(&client, &["app.test"]).await.expect("a certificate");
    let left = PendingOrder::load(&authority.storage, "app.test").await.expect("storage").expect("an order");
    for key in [rcgen::KeyPair::generate().expect("a key").serialize_pem(), "damaged".into()] {
        PendingOrder { key, ..left.clone() }.store(&authority.storage).await.expect("stored");
        let second = authority.order(&client, &["app.test"]).await.expect("another certificate");
        assert_ne!(serial(&first.pem), serial(&second.pem));
    }
    assert_eq!(authority.counts(), (3, 1));
}

#[tokio::test]
async fn an_order_for_other_names_is_another_order() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    authority.order(&client, &["app.test"]).await.expect("a certificate");
    authority.order(&client, &["app.test", "www.app.test"]).await.expect("a certificate for both");
    assert_eq!(authority.pebble.orders(), 2);
}

#[tokio::test]
async fn a_renewal_names_what_it_replaces_and_is_never_the_same_certificate() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    let first = authority.order(&client, &["app.test"]).await.expect("a certificate");
    // Nobody has settled it, as after a crash. It is the one to be replaced, so another is ordered.
    let second = authority.replace(&client, &["app.test"], Some(&first)).await.expect("another certificate");
    assert_ne!(serial(&first.pem), serial(&second.pem));
    client.settle("app.test").await;
    // It was replaced before: Pebble refuses the field, and the order does without.
    let third = authority.replace(&client, &["app.test"], Some(&first)).await.expect("another certificate");
    assert_ne!(serial(&second.pem), serial(&third.pem));
    assert_eq!(authority.pebble.orders(), 3);
}

#[tokio::test]
async fn the_authority_says_when_to_renew() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&AcmeConfig { profile: Some("brief".into()), ..authority.config() });
    let issued = authority.order(&client, &["app.test"]).await.expect("a certificate");
    let ((from, to), kept) = client.renewal_window(&issued.pem).await.expect("an answer").expect("a window");
    let now = SystemTime::now();
    assert!(from < to && to < now + Duration::from_secs(120), "{from:?} to {to:?}");
    assert!(kept > Duration::ZERO && kept <= Duration::from_secs(86_400), "{kept:?}");
    let foreign = crate::upstream::tests::certs::Authority::new().certify(&["app.test"]).certificate;
    let unknown = client.renewal_window(foreign.as_bytes()).await;
    assert!(!matches!(unknown, Ok(Some(_))), "{unknown:?}");
}

#[tokio::test]
async fn keys_are_of_the_kind_that_is_written() {
    let authority = TestAuthority::start(Manners::default()).await;
    for (kind, algorithm) in [("p384", "1.2.840.10045.2.1"), ("rsa2048", "1.2.840.113549.1.1.1")] {
        let client = authority.client(&AcmeConfig { key: kind.into(), ..authority.config() });
        let issued = authority.order(&client, &[&format!("{kind}.test")]).await.expect("a certificate");
        let der = CertificateDer::pem_slice_iter(&issued.pem).next().expect("a certificate").expect("a certificate");
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).expect("a certificate");
        assert_eq!(parsed.public_key().algorithm.algorithm.to_id_string(), algorithm);
    }
}

#[tokio::test]
async fn a_profile_that_the_authority_does_not_have_is_told_with_those_that_it_has() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&AcmeConfig { profile: Some("tls".into()), ..authority.config() });
    let failure = authority.order(&client, &["app.test"]).await.expect_err("no such profile");
    assert_eq!(failure.kind, FailureKind::Misconfigured);
    assert!(failure.message.ends_with("there is no profile \"tls\": it has brief, default, shortlived"), "{failure}");
    assert_eq!(authority.counts(), (0, 0));
}

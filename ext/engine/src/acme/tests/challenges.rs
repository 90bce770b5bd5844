use super::peers::{Manners, TestAuthority};
use crate::acme::order::FailureKind;
use crate::config::AcmeConfig;

#[tokio::test]
async fn six_names_are_proved_by_each_challenge_though_a_fifth_of_the_nonces_is_refused() {
    let authority = TestAuthority::start(Manners { bad_nonces: 20, ..Manners::default() }).await;
    for kind in ["http-01", "tls-alpn-01"] {
        let config = AcmeConfig { challenge: Some(vec![kind.into()]), ..authority.config() };
        let client = authority.client(&config);
        authority.order_all(&client, (0..6).map(|number| format!("{number}.{kind}.test"))).await;
        let both = [&*format!("a.{kind}.test"), &*format!("b.{kind}.test")];
        authority.order(&client, &both).await.expect("a certificate for two names");
    }
    assert_eq!(authority.counts(), (14, 1));
    let left = authority.storage.list("challenges/").await.expect("a list");
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test]
async fn a_challenge_that_fails_is_told_and_another_has_its_turn_with_the_next_order() {
    let mut authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    // The authority asks where nobody has the answer.
    let right = std::mem::take(&mut authority.challenges);
    let failure = authority.order(&client, &["app.test"]).await.expect_err("nobody answers");
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(failure.message.contains("tls-alpn-01 of app.test: "), "{failure}");
    let failure = authority.order(&client, &["app.test"]).await.expect_err("nobody answers");
    assert!(failure.message.contains("http-01 of app.test: "), "{failure}");
    let failure = authority.order(&client, &["app.test"]).await.expect_err("nobody answers");
    assert!(failure.message.contains("tls-alpn-01 of app.test: "), "{failure}");
    authority.challenges = right;
    authority.order(&client, &["app.test"]).await.expect("a certificate");
    assert_eq!(authority.pebble.orders(), 4);
}

#[tokio::test]
async fn a_wildcard_needs_a_challenge_in_dns() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    let failure = authority.order(&client, &["*.app.test"]).await.expect_err("no challenge fits");
    assert_eq!(failure.kind, FailureKind::Misconfigured);
    assert!(failure.message.contains("*.app.test needs dns-01 or dns-persist-01"), "{failure}");
    assert_eq!(authority.pebble.orders(), 0);
}

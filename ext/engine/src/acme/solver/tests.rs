use super::*;
use ChallengeKind::{Dns01, DnsPersist01, Http01, TlsAlpn01};

fn offered(kinds: &[&str]) -> Vec<Challenge> {
    let one = |kind: &&str| {
        let json = format!(r#"{{"type":"{kind}","url":"https://a/","status":"pending","token":"t"}}"#);
        serde_json::from_str(&json).expect("a challenge")
    };
    kinds.iter().map(one).collect()
}

#[test]
fn the_preferred_challenge_is_taken_as_far_as_it_is_offered() {
    let all = offered(&["http-01", "dns-01", "tls-alpn-01", "dns-persist-01", "brand-new-01"]);
    assert_eq!(choice(&[TlsAlpn01, Http01], &all, false, &[]), Some(TlsAlpn01));
    assert_eq!(choice(&[TlsAlpn01, Http01], &offered(&["http-01", "dns-01"]), false, &[]), Some(Http01));
    assert_eq!(choice(&[DnsPersist01], &all, false, &[]), Some(DnsPersist01));
    assert_eq!(choice(&[TlsAlpn01], &offered(&["http-01"]), false, &[]), None);
}

#[test]
fn a_wildcard_is_proved_in_dns_alone() {
    let all = offered(&["http-01", "dns-01", "tls-alpn-01", "dns-persist-01"]);
    assert_eq!(choice(&[TlsAlpn01, Http01, Dns01], &all, true, &[]), Some(Dns01));
    assert_eq!(choice(&[TlsAlpn01, Http01], &all, true, &[]), None);
}

#[test]
fn a_proof_is_for_a_name_or_a_domain_above_it() {
    assert!(is_within("app.example.com", "app.example.com"));
    assert!(is_within("*.example.com", "example.com"));
    assert!(is_within("app.example.com", "example.com"));
    for foreign in ["other.com", "pp.example.com", "x.app.example.com", "../../x", ".com", ""] {
        assert!(!is_within("app.example.com", foreign), "{foreign}");
    }
}

#[test]
fn challenges_that_have_failed_take_turns() {
    let all = offered(&["http-01", "dns-01", "tls-alpn-01"]);
    let preferred = [TlsAlpn01, Http01, Dns01];
    assert_eq!(choice(&preferred, &all, false, &[TlsAlpn01]), Some(Http01));
    assert_eq!(choice(&preferred, &all, false, &[TlsAlpn01, Http01]), Some(Dns01));
    assert_eq!(choice(&preferred, &all, false, &[Http01, TlsAlpn01, Dns01]), Some(Http01));
}

#[test]
fn kinds_have_the_names_of_their_documents() {
    for name in ChallengeKind::NAMES {
        let kind = ChallengeKind::of(name).expect("a kind");
        assert_eq!(kind.as_str(), name);
        assert_eq!(serde_json::to_string(&kind).expect("JSON"), format!("{name:?}"));
    }
    assert_eq!(record("example.com"), "_acme-challenge.example.com");
}

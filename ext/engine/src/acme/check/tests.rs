use super::*;
use crate::compile::Purpose;
use crate::config::{BindConfig, DnsProviderConfig, EabConfig, OnDemandConfig, Severity, TrustedProxiesConfig};

/// Binds at these addresses. Those with https have managed certificates.
fn binds(urls: &[&str]) -> Binds {
    let specs: Vec<_> = urls.iter().map(|url| BindConfig { url: (*url).into(), ..BindConfig::default() }).collect();
    let mut problems = Vec::new();
    let trusted = TrustedProxiesConfig::default();
    let binds = Binds::compile(
        &specs,
        &trusted,
        Some(&Default::default()),
        (Purpose::Check, &Default::default()),
        &mut problems,
    );
    assert!(problems.is_empty(), "{problems:?}");
    binds
}

fn names(names: &[&str]) -> Vec<WrittenName> {
    names.iter().map(|name| WrittenName { name: (*name).into(), at: None }).collect()
}

/// Errors and warnings for names that all want a certificate.
fn told(config: &AcmeConfig, written: &[&str], urls: &[&str]) -> Vec<String> {
    let (names, binds) = (names(written), binds(urls));
    let facts = AcmeFacts { config, written: &names, wanted: &names, binds: &binds, storage: None };
    let mut problems = Vec::new();
    facts.check(&mut Report::new("acme", None, &mut problems));
    let show = |problem: Problem| match problem.severity {
        Severity::Error => problem.message,
        Severity::Warning => format!("warning: {}", problem.message),
    };
    problems.into_iter().map(show).collect()
}

const USUAL: [&str; 2] = ["http://0.0.0.0:80", "https://0.0.0.0:443"];

fn with(challenge: &[&str]) -> AcmeConfig {
    let challenge = (!challenge.is_empty()).then(|| challenge.iter().map(ToString::to_string).collect());
    AcmeConfig { challenge, ..AcmeConfig::default() }
}

fn with_dns(challenge: &[&str]) -> AcmeConfig {
    AcmeConfig { dns: Some(DnsProviderConfig::Command(vec!["bin/dns".into()])), ..with(challenge) }
}

#[test]
fn a_wildcard_needs_records_of_dns() {
    let needs = "*.a.com needs dns-01 or dns-persist-01: write dns: …, as `proxy help acme` says";
    assert_eq!(told(&with(&[]), &["a.com", "*.a.com"], &USUAL), [needs]);
    assert_eq!(
        told(&with_dns(&["http-01"]), &["*.a.com"], &USUAL),
        ["*.a.com needs dns-01 or dns-persist-01: write \"dns-01\" into challenge: too"]
    );
    for config in [with_dns(&[]), with_dns(&["dns-01"]), with(&["dns-persist-01"])] {
        assert_eq!(told(&config, &["*.a.com"], &USUAL), [""; 0]);
    }
}

#[test]
fn names_that_nobody_owns_need_an_authority_of_ones_own() {
    let tail = "is no public name: give its bind a certificate, or write authority: with one of your own";
    for name in ["db", "db.internal", "a.b.local", "internal", "router.home.arpa", "app.test"] {
        assert_eq!(told(&with(&[]), &[name], &USUAL), [format!("{name} {tail}")]);
        let authority = vec!["letsencrypt".into(), "https://ca.internal/directory".into()];
        assert_eq!(told(&AcmeConfig { authority, ..with(&[]) }, &[name], &USUAL), [""; 0]);
    }
    assert_eq!(told(&with(&[]), &["internal.com", "mylocal", "a.xtest.org"], &USUAL), [format!("mylocal {tail}")]);
}

#[test]
fn names_that_no_certificate_can_have_are_mistakes() {
    let tail =
        "is no name that a certificate can have: between dots, write up to 63 letters, digits and hyphens, with \
                letters in the last part";
    let (label, name) = (format!("{}.com", "a".repeat(64)), format!("{}com", "abcd.".repeat(51)));
    for name in ["a_b.com", "-a.com", "a-.com", "1.2.3.4.5", "a.b.7", &label, &name] {
        assert_eq!(told(&with(&[]), &[name], &USUAL), [format!("{name} {tail}")]);
    }
    assert_eq!(told(&with_dns(&[]), &["*.1.2.3.4"], &USUAL), [format!("*.1.2.3.4 {tail}")]);
    let own = AcmeConfig { authority: vec!["https://ca.internal/directory".into()], ..with(&[]) };
    assert_eq!(told(&own, &["db", "1.a-b.c3"], &USUAL), [""; 0]);
    assert_eq!(told(&own, &["my_db"], &USUAL), [format!("my_db {tail}")]);
}

#[test]
fn what_follows_from_another_mistake_is_not_told() {
    let at = |line| Some(crate::config::At { file: "Proxyfile".into(), line });
    let written = ["*.*.a.com", "b.local"].map(|name| WrittenName { name: name.into(), at: at(2) });
    let (config, binds) = (with(&[]), binds(&[]));
    let facts = AcmeFacts { config: &config, written: &written, wanted: &written, binds: &binds, storage: None };
    let mut problems = vec![Problem::error(at(2).as_ref(), "host", "is wrong")];
    facts.check(&mut Report::new("acme", None, &mut problems));
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].at = at(3);
    facts.check(&mut Report::new("acme", None, &mut problems));
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn authorities_with_customers_need_to_know_them() {
    let google = "google needs the key of an account there: write eab: { id: \"…\", key: \"…\" }";
    let zerossl = "zerossl needs to know whose the account is: write email: or eab:";
    let eab = |of: Option<&str>| EabConfig { authority: of.map(Into::into), id: "a".into(), key: "b".into() };
    for (email, eab, wanted) in [
        (None, vec![], vec![google, zerossl]),
        (Some("me@example.org"), vec![], vec![google]),
        (None, vec![eab(Some("zerossl"))], vec![google]),
        (None, vec![eab(Some("https://dv.acme-v02.api.pki.goog/directory"))], vec![zerossl]),
        (None, vec![eab(None)], vec![]),
    ] {
        let authority = ["letsencrypt", "google", "zerossl"].map(String::from).into();
        let config = AcmeConfig { authority, eab, email: email.map(Into::into), ..with(&[]) };
        assert_eq!(told(&config, &["a.com"], &USUAL), wanted);
    }
}

#[test]
fn challenges_need_their_ports() {
    let elsewhere = "or see to it that what comes to that port of the names gets here";
    let both = format!(
        "warning: http-01 needs a bind on port 80, and tls-alpn-01 one with https on port 443: write bind \
         \"http://0.0.0.0:80\", {elsewhere}"
    );
    let http = format!("warning: http-01 needs a bind on port 80: write bind \"http://0.0.0.0:80\", {elsewhere}");
    let alpn =
        format!("warning: tls-alpn-01 needs a bind on port 443: write bind \"https://0.0.0.0:443\", {elsewhere}");
    let high = ["http://0.0.0.0:8080", "https://0.0.0.0:8443"];
    for (config, urls, wanted) in [
        (with(&[]), &high[..], Some(both)),
        (with(&["http-01"]), &["https://0.0.0.0:443"], Some(http)),
        (with(&["tls-alpn-01"]), &["http://0.0.0.0:80", "https://0.0.0.0:8443"], Some(alpn)),
        (with(&[]), &["http://0.0.0.0:80", "https://0.0.0.0:8443"], None),
        (with(&[]), &["https://[::]:443"], None),
        (with(&["http-01"]), &["unix:///tmp/a.sock", "https://0.0.0.0:8443"], None),
        (with_dns(&[]), &high, None),
        (with(&["dns-persist-01"]), &high, None),
    ] {
        assert_eq!(told(&config, &["a.com"], urls), wanted.into_iter().collect::<Vec<_>>(), "{urls:?}");
    }
}

#[test]
fn what_orders_nothing_is_told_of() {
    assert_eq!(
        told(&with(&[]), &[], &USUAL),
        ["warning: no name is written, so nothing is ordered: write host \"example.com\" do … end, or on_demand:"]
    );
    let on_demand = Some(OnDemandConfig::Url("http://127.0.0.1:3000/".into()));
    assert_eq!(told(&AcmeConfig { on_demand, ..with(&[]) }, &[], &USUAL), [""; 0]);
    assert_eq!(
        told(&with(&[]), &["a.com"], &["http://0.0.0.0:80"]),
        ["warning: no bind speaks https, so nothing is ordered: write bind \"https://0.0.0.0:443\""]
    );
    let (binds, config) = (binds(&USUAL), with(&[]));
    for (written, warning) in [
        ("a.com", "every name that is written has a certificate already: leave acme out, or the certificate"),
        (
            "app.localhost",
            "app.localhost is a name of this machine alone, so nothing is ordered: write the name that clients use, or \
             leave acme out",
        ),
    ] {
        let written = names(&[written]);
        let facts = AcmeFacts { config: &config, written: &written, wanted: &[], binds: &binds, storage: None };
        assert_eq!(Report::told(|report| facts.check(report)).1, [warning]);
    }
}

#[test]
fn names_of_this_machine_are_those_below_localhost() {
    assert_eq!(
        ["localhost", "a.localhost", "notlocalhost", "localhost.com"].map(is_of_this_machine),
        [true, true, false, false]
    );
}

use super::*;
use crate::config::TrustedProxiesConfig;
use crate::listen::binds::Binds;

/// A file with a certificate for `name` and its key.
fn pem(folder: &std::path::Path, name: &str) -> String {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let path = folder.join(format!("{name}.pem"));
    std::fs::write(&path, made.cert.pem() + &made.signing_key.serialize_pem()).expect("written");
    path.to_str().expect("a path").to_owned()
}

fn compile(bind: BindConfig) -> Binds {
    let mut problems = Vec::new();
    let binds = Binds::compile(
        &[bind],
        &TrustedProxiesConfig::default(),
        None,
        (Purpose::Check, &Default::default()),
        &mut problems,
    );
    assert!(problems.is_empty(), "{problems:?}");
    binds
}

fn tls(binds: &Binds) -> Arc<TlsServer> {
    let bind = binds.iter().next().expect("a bind");
    Arc::clone(bind.tls.as_ref().expect("TLS"))
}

#[test]
fn tickets_are_good_where_the_same_is_asked_before_a_reload_and_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let (open, strict) = (pem(folder.path(), "open.example"), pem(folder.path(), "strict.example"));
    let bind = |client_ca: Option<&String>| BindConfig {
        url: "https://127.0.0.1:0".into(),
        certificates: Some(vec![
            Certificate { certificate: open.clone(), ..Certificate::default() },
            Certificate { certificate: strict.clone(), client_ca: client_ca.cloned(), ..Certificate::default() },
        ]),
        ..BindConfig::default()
    };
    let old = compile(bind(Some(&open)));
    let ticket =
        |server: &TlsServer, site: usize| server.sites[site].config.ticketer.encrypt(b"session").expect("a ticket");
    let takes =
        |server: &TlsServer, site: usize, ticket: &[u8]| server.sites[site].config.ticketer.decrypt(ticket).is_some();
    let (before, open_ticket, strict_ticket) = (tls(&old), ticket(&tls(&old), 0), ticket(&tls(&old), 1));
    assert!(before.differ);
    assert!(!takes(&before, 1, &open_ticket), "another policy");

    let same = compile(bind(Some(&open)));
    same.carry_over(&old);
    assert!(takes(&tls(&same), 0, &open_ticket) && takes(&tls(&same), 1, &strict_ticket));

    let other = compile(bind(Some(&strict)));
    other.carry_over(&old);
    assert!(takes(&tls(&other), 0, &open_ticket));
    assert!(!takes(&tls(&other), 1, &strict_ticket), "other authorities");

    let alike = compile(bind(None));
    assert!(!tls(&alike).differ);
    assert!(!takes(&tls(&alike), 0, &open_ticket), "keys of its own");
    assert!(takes(&tls(&alike), 1, &ticket(&tls(&alike), 0)), "one policy, one set of keys");
}

#[test]
fn a_host_is_held_to_what_its_own_certificate_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (open, strict) = (pem(folder.path(), "open.example"), pem(folder.path(), "*.strict.example"));
    let server = tls(&compile(BindConfig {
        url: "https://127.0.0.1:0".into(),
        certificates: Some(vec![
            Certificate { certificate: open.clone(), ..Certificate::default() },
            Certificate { certificate: strict, client_ca: Some(open), ..Certificate::default() },
        ]),
        ..BindConfig::default()
    }));
    for (site, host, admitted) in [
        (0, "open.example", true),
        (0, "unknown.example", true),
        (0, "", true),
        (0, "a.strict.example", false),
        (0, "A.B.strict.EXAMPLE.", false),
        (1, "a.strict.example", true),
        (1, "open.example", false),
        (1, "unknown.example", false),
        (0, &format!("{}.strict.example", "a".repeat(300)), false),
    ] {
        assert_eq!(server.admits(site, host.as_bytes()), admitted, "{site} {host}");
    }
}

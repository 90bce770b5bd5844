use super::super::tests::certs::{write, Authority};
use super::*;

fn compile(pool: &PoolConfig) -> Result<TlsClient, Vec<String>> {
    let (client, problems) = Report::told(|report| TlsClient::compile(pool, report));
    assert_eq!(client.is_none(), !problems.is_empty());
    client.ok_or(problems)
}

#[test]
fn unusable_files_are_reported_with_option_and_path_all_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = write(folder.path(), "empty.pem", "not PEM\n");
    let pool = PoolConfig {
        ca_file: Some("/nowhere/ca.pem".into()),
        client_certificate: Some(empty.clone()),
        client_key: Some("k".into()),
        ..PoolConfig::default()
    };
    let problems = compile(&pool).expect_err("two mistakes");
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with(r#"ca_file: "/nowhere/ca.pem" cannot be read: No such file"#));
    assert!(problems[1].contains(&format!("client_certificate: {empty:?} contains no certificate")), "{problems:?}");
}

#[test]
fn certificate_and_key_come_together_and_belong_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let (one, other) = (authority.certify(&["one"]), authority.certify(&["other"]));
    let certificate = write(folder.path(), "one.pem", &one.certificate);
    let right = write(folder.path(), "one.key", &one.key);
    let wrong = write(folder.path(), "other.key", &other.key);
    let with = |client_certificate: Option<&String>, client_key: Option<&String>| {
        compile(&PoolConfig {
            verify_ssl: false,
            client_certificate: client_certificate.cloned(),
            client_key: client_key.cloned(),
            ..PoolConfig::default()
        })
    };
    with(Some(&certificate), Some(&right)).expect("they belong together");
    for (certificate, key, reason) in [
        (Some(&certificate), None, "add `client_key`"),
        (None, Some(&right), "add `client_certificate`"),
        (Some(&certificate), Some(&wrong), "is not the key of the first certificate in"),
        (Some(&certificate), Some(&certificate), "contains no private key"),
    ] {
        let problems = with(certificate, key).expect_err(reason);
        assert!(problems[0].contains(reason), "{problems:?}");
    }
}

#[test]
fn the_systems_certificates_are_used_unless_a_file_replaces_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca_file = write(folder.path(), "ca.pem", &Authority::new().pem());
    compile(&PoolConfig { ca_file: Some(ca_file), ..PoolConfig::default() }).expect("a file of one's own");
    let verifier = rustls_platform_verifier::Verifier::new(Arc::new(aws_lc_rs::default_provider()));
    // On a machine without system certificates, the message has to say how to get some.
    match (compile(&PoolConfig::default()), verifier) {
        (Ok(_), Ok(_)) => {}
        (Err(problems), Err(_)) => assert!(problems[0].contains("`ca_file`"), "{problems:?}"),
        (compiled, verifier) => panic!("{compiled:?} with {verifier:?}"),
    }
}

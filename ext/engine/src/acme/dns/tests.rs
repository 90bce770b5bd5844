use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::Rfc2136Config;
use crate::tests::pebble::ChallengeServer;

fn dns_of(server: &ChallengeServer) -> Arc<Dns> {
    Arc::new(Dns::given(&[server.address.parse().expect("an address")]).expect("a resolver"))
}

fn compile(acme: &AcmeConfig) -> (Option<DnsProvider>, Vec<String>) {
    Report::told(|report| DnsProvider::compile(acme, &BlockSet::default(), &Arc::new(Dns::system()), report))
}

/// A provider that writes its calls into a file, and the folder of that file.
fn provider(server: &ChallengeServer, propagation: Option<f64>) -> (tempfile::TempDir, DnsProvider) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dns");
    fs::write(&path, "#!/bin/sh\necho \"$@\" >> \"$(dirname \"$0\")/calls\"\n[ \"$3\" != bad ]\n").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let dns = Some(DnsProviderConfig::Command(vec![path.display().to_string()]));
    let acme = AcmeConfig { dns, propagation, ..AcmeConfig::default() };
    let provider = Report::sound(|report| DnsProvider::compile(&acme, &BlockSet::default(), &dns_of(server), report));
    (folder, provider.expect("a provider"))
}

fn calls(folder: &tempfile::TempDir) -> Vec<String> {
    let text = fs::read_to_string(folder.path().join("calls")).expect("it was called");
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_record_is_written_at_the_name_or_where_its_alias_leads() {
    let server = ChallengeServer::start();
    server.alias("_acme-challenge.b.example", "b.acme.example");
    let (folder, provider) = provider(&server, None);
    provider.add("_acme-challenge.A.example", "one").await.expect("added");
    provider.add("_acme-challenge.b.example", "two").await.expect("added");
    provider.remove("_acme-challenge.b.example", "two").await.expect("removed");
    let expected = ["add _acme-challenge.a.example one", "add b.acme.example two", "remove b.acme.example two"];
    assert_eq!(calls(&folder), expected);
}

#[tokio::test]
async fn a_failure_says_what_the_provider_said_and_at_which_alias() {
    let server = ChallengeServer::start();
    server.fail("_acme-challenge.a.example");
    server.alias("_acme-challenge.b.example", "b.acme.example");
    let (folder, provider) = provider(&server, None);
    let command = folder.path().join("dns").display().to_string();
    let why = provider.add("_acme-challenge.a.example", "bad").await.expect_err("it fails");
    assert_eq!(why, format!("{command} ended with status 1"));
    let why = provider.remove("_acme-challenge.b.example", "bad").await.expect_err("it fails");
    assert_eq!(why, format!("at its alias b.acme.example: {command} ended with status 1"));
    // DNS failed, too, which is no reason not to write the record.
    assert_eq!(calls(&folder), ["add _acme-challenge.a.example bad", "remove b.acme.example bad"]);
}

#[tokio::test]
async fn both_values_of_a_wildcard_and_its_apex_are_waited_for() {
    let server = ChallengeServer::start();
    let (_folder, provider) = provider(&server, Some(60.0));
    let name = "_acme-challenge.a.example";
    let values = ["one".to_owned(), "two".to_owned()];
    server.add_txt(name, "one");
    let found = provider.authorities.texts(&full_name(name).expect("a name")).await.expect("an answer");
    assert_eq!(found.answers[0].texts, Ok(vec!["one".to_owned()]));
    let (seen, ()) = tokio::join!(provider.wait_until_seen(name, &values), async { server.add_txt(name, "two") });
    seen.expect("both are seen");
}

#[tokio::test]
async fn without_propagation_nobody_looks() {
    let server = ChallengeServer::start();
    let (_folder, provider) = provider(&server, None);
    provider.wait_until_seen("_acme-challenge.a.example", &["one".to_owned()]).await.expect("nobody looks");
}

#[test]
fn a_configuration_without_a_provider_has_none() {
    assert!(matches!(compile(&AcmeConfig::default()), (None, told) if told.is_empty()));
}

#[test]
fn all_mistakes_of_a_provider_are_told_at_once() {
    let server = Rfc2136Config {
        server: "http://ns".into(),
        key_name: Some("acme..x".into()),
        key_secret: Some("s3cret!".into()),
        key_algorithm: Some("hmac-md5".into()),
        zone: Some("a..b".into()),
    };
    let dns = Some(DnsProviderConfig::Rfc2136(server));
    let (provider, told) = compile(&AcmeConfig { dns, propagation: Some(0.0), ..AcmeConfig::default() });
    assert!(provider.is_none());
    let expected = [
        "propagation: 0 is not a valid time",
        "dns: rfc2136: \"http://ns\" is not a valid name server: write HOST or HOST:PORT",
        "dns: key: algorithm: \"hmac-md5\" is unknown",
        "dns: key: name: \"acme..x\" is no name",
        "dns: key: secret: this is not base64",
        "dns: zone: \"a..b\" is no name: write one such as \"example.com\"",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (message, begin) in told.iter().zip(expected) {
        assert!(message.starts_with(begin), "{message:?} does not begin with {begin:?}");
    }
    assert!(!told.concat().contains("s3cret"), "{told:?}");
}

#[test]
fn a_key_has_a_name_and_a_secret() {
    let told = |name: Option<&str>, secret: Option<&str>| {
        let (key_name, key_secret) = (name.map(str::to_owned), secret.map(str::to_owned));
        let server = Rfc2136Config { server: "ns".into(), key_name, key_secret, ..Rfc2136Config::default() };
        compile(&AcmeConfig { dns: Some(DnsProviderConfig::Rfc2136(server)), ..AcmeConfig::default() }).1
    };
    assert_eq!(told(Some("acme"), None), ["dns: key: it has no secret: write secret: with what tsig-keygen shows"]);
    assert!(told(None, Some("YWJj"))[0].starts_with("dns: key: it has no name"));
    assert!(told(Some("acme"), Some("YWJj")).is_empty());
}

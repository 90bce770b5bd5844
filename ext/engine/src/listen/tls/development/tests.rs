use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::RootCertStore;

use super::*;

fn bind(url: &str, domains: &[&str]) -> BindConfig {
    let domains = (!domains.is_empty()).then(|| domains.iter().map(ToString::to_string).collect());
    BindConfig { url: url.into(), domains, ..BindConfig::default() }
}

fn leaf(authority: &DevelopmentAuthority, names: &[&str], now: SystemTime) -> CertificateDer<'static> {
    let names = names.iter().map(ToString::to_string).collect();
    issue(names, authority, now).expect("a certificate").0.remove(0)
}

/// Whether a client that trusts the authority in the file `ca` accepts a certificate.
fn accepts(ca: &Path, leaf: &CertificateDer<'_>, name: &str, now: SystemTime) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("an authority");
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
    let since = now.duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    let name = ServerName::try_from(name.to_owned()).expect(name);
    use rustls::client::danger::ServerCertVerifier;
    let verifier = verifier.expect("a verifier");
    verifier.verify_server_cert(leaf, &[], &name, &[], UnixTime::since_unix_epoch(since)).is_ok()
}

#[test]
fn only_binds_of_this_machine_without_a_word_of_a_certificate_get_one() {
    for (url, domains, wanted) in [
        ("https://localhost:8443", &[][..], true),
        ("https://localhost", &[], true),
        ("https://127.0.0.1:8443", &["app.localhost"], true),
        ("https://127.9.9.9:0/", &["LOCALHOST", "::1"], true),
        ("https://[::1]:8443", &[], true),
        ("https://localhost:8443", &["example.com"], false),
        ("https://localhost:8443", &["localhost.example.com"], false),
        ("https://localhost:8443", &[".localhost"], false),
        ("https://0.0.0.0:8443", &[], false),
        ("https://[::]:8443", &[], false),
        ("https://192.0.2.7:8443", &["localhost"], false),
        ("https+unix:///run/a.sock", &[], false),
        ("http://localhost:8080", &[], false),
    ] {
        assert_eq!(is_wanted(&bind(url, domains)), wanted, "{url} {domains:?}");
    }
    for spec in [
        BindConfig { certificate: Some("a.pem".into()), ..bind("https://localhost:1", &[]) },
        BindConfig { key: Some("a.key".into()), ..bind("https://localhost:1", &[]) },
        BindConfig { certificates: Some(Vec::new()), ..bind("https://localhost:1", &[]) },
    ] {
        assert!(!is_wanted(&spec));
    }
}

#[test]
fn an_authority_is_made_once_and_only_for_its_user() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = in_data_folder(data.path());
    let now = SystemTime::now();
    assert!(DevelopmentAuthority::read(&folder, now).expect("no mistake").is_none());
    assert!(!folder.exists(), "to look makes nothing");
    let first = DevelopmentAuthority::of(&folder, now).expect("an authority");
    let ca = std::fs::read(folder.join("ca.pem")).expect("a file");
    let second = DevelopmentAuthority::of(&folder, now).expect("the same");
    assert_eq!(ca, std::fs::read(folder.join("ca.pem")).expect("a file"));
    for (path, mode) in [(folder.clone(), 0o700), (folder.join("ca.pem"), 0o600), (folder.join("ca-key.pem"), 0o600)] {
        assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, mode, "{path:?}");
    }
    for authority in [&first, &second] {
        assert!(accepts(&folder.join("ca.pem"), &leaf(authority, &["localhost"], now), "localhost", now));
    }
    assert_eq!(
        std::fs::read_dir(folder.parent().expect("a folder")).expect("it is there").count(),
        1,
        "nothing is left over"
    );
}

#[test]
fn an_authority_is_believed_about_this_machine_alone() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = in_data_folder(data.path());
    let now = SystemTime::now();
    let authority = DevelopmentAuthority::of(&folder, now).expect("an authority");
    for (name, believed) in [
        ("localhost", true),
        ("app.localhost", true),
        ("127.0.0.1", true),
        ("127.9.9.9", true),
        ("::1", true),
        ("example.com", false),
        ("192.0.2.7", false),
        ("::2", false),
    ] {
        assert_eq!(accepts(&folder.join("ca.pem"), &leaf(&authority, &[name], now), name, now), believed, "{name}");
    }
}

#[test]
fn of_many_that_begin_at_once_all_have_the_same_authority() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = in_data_folder(data.path());
    let now = SystemTime::now();
    let (together, count) = (Barrier::new(8), 8);
    let leaves: Vec<_> = std::thread::scope(|scope| {
        let begin = || {
            together.wait();
            leaf(&DevelopmentAuthority::of(&folder, now).expect("an authority"), &["localhost"], now)
        };
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(begin)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a certificate")).collect()
    });
    assert!(leaves.iter().all(|leaf| accepts(&folder.join("ca.pem"), leaf, "localhost", now)));
    assert_eq!(
        std::fs::read_dir(folder.parent().expect("a folder")).expect("it is there").count(),
        1,
        "nothing is left over"
    );
}

#[test]
fn an_authority_is_renewed_before_what_it_signs_outlives_it() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = in_data_folder(data.path());
    let now = SystemTime::now();
    let ca = folder.join("ca.pem");
    DevelopmentAuthority::of(&folder, now).expect("an authority");
    let first = std::fs::read(&ca).expect("a file");
    let later = now + DAY * 3_000;
    DevelopmentAuthority::of(&folder, later).expect("the same");
    assert_eq!(std::fs::read(&ca).expect("a file"), first);
    let at_last = now + DAY * 3_400;
    let renewed = DevelopmentAuthority::of(&folder, at_last).expect("another");
    assert_ne!(std::fs::read(&ca).expect("a file"), first);
    assert!(accepts(&ca, &leaf(&renewed, &["localhost"], at_last), "localhost", at_last + DAY * 396));
}

#[test]
fn what_was_spoilt_is_reported_with_what_to_do() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = in_data_folder(data.path());
    let now = SystemTime::now();
    let other = in_data_folder(&data.path().join("other"));
    let spoil = |change: &dyn Fn()| {
        let _ = std::fs::remove_dir_all(&folder);
        DevelopmentAuthority::of(&folder, now).expect("an authority");
        change();
        DevelopmentAuthority::of(&folder, now).err().expect("a mistake")
    };
    let (ca, key) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
    DevelopmentAuthority::of(&other, now).expect("an authority");
    for (change, what) in [
        (&(|| std::fs::write(&ca, "no certificate").expect("written")) as &dyn Fn(), "ca.pem\" cannot be used: remove"),
        (&|| std::fs::write(&key, "no key").expect("written"), "ca-key.pem\" cannot be used: remove"),
        (&|| assert!(std::fs::copy(other.join("ca-key.pem"), &key).is_ok()), "ca.pem\" cannot be used: remove"),
        (&|| std::fs::remove_file(&key).expect("removed"), "ca-key.pem\" cannot be read"),
        (
            &|| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("set"),
            "has the mode 644, so that others may have read the key: remove",
        ),
    ] {
        let message = spoil(change);
        assert!(message.contains(what), "{message}");
    }
}

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::certificates::record::certificate_key;
use crate::log::tests::Memory as Lines;
use crate::log::Level;

/// Certificates over a folder, as a server has them.
struct Site {
    folder: TempDir,
    storage: Arc<Storage>,
    managed: Arc<ManagedCertificates>,
    lines: Lines,
    log: Arc<Log>,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let storage = Arc::new(Storage::in_folder(folder.path()));
        let lines = Lines::default();
        let log = Log::to(Level::Debug, Box::new(lines.clone()));
        Self { folder, storage, managed: Arc::default(), lines, log }
    }

    fn configure(&self, subjects: &[(&str, &[&str])], cache: usize, demands: Option<mpsc::Sender<Demand>>) {
        let subjects: Vec<_> = subjects
            .iter()
            .map(|(subject, names)| ((*subject).into(), names.iter().map(|name| (*name).into()).collect()))
            .collect();
        self.managed.configure(&ManagedSettings {
            subjects: &subjects,
            storage: Arc::clone(&self.storage),
            cache,
            demands,
            background: &Handle::current(),
            log: &self.log,
        });
    }

    /// Stores a certificate for a name. Its bytes, to know it again.
    async fn store(&self, name: &str) -> Vec<u8> {
        let (pem, own) = certificate(name);
        self.storage.store(&certificate_key(name), &pem).await.expect("stored");
        own
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(Path::new(&certificate_key(name)))
    }

    /// Waits for the load that is under way, if there is one.
    async fn loaded(&self, name: &str) {
        let (landing, duty) = self.managed.loads.join(name);
        drop(duty);
        landing.result().await;
    }

    /// The certificate that a client which asks for `name` is shown.
    async fn shown(&self, name: &str) -> Option<Vec<u8>> {
        self.managed.find(name.as_bytes()).await.map(|key| key.cert[0].to_vec())
    }
}

/// A key and a certificate in PEM, and the certificate itself.
fn certificate(name: &str) -> (Vec<u8>, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    ((made.signing_key.serialize_pem() + &made.cert.pem()).into_bytes(), made.cert.der().to_vec())
}

#[tokio::test]
async fn certificates_are_found_by_name_where_they_are_stored() {
    let site = Site::new();
    let apex = site.store("example.com").await;
    let www = site.store("www.example.com").await;
    site.store("stranger.example").await;
    site.configure(
        &[("example.com", &["example.com", "*.example.com"]), ("www.example.com", &["www.example.com"])],
        10,
        None,
    );
    assert_eq!(site.shown("EXAMPLE.com.").await, Some(apex.clone()));
    assert_eq!(site.shown("a.example.com").await, Some(apex.clone()), "by the wildcard");
    assert_eq!(site.shown("www.example.com").await, Some(www));
    assert_eq!(site.shown("stranger.example").await, None, "stored, but not written");
    assert_eq!(site.shown("../certificates/example.com").await, None);
    let first = site.managed.first().await.map(|key| key.cert[0].to_vec());
    assert_eq!(first, Some(apex), "for those who name no host");
    assert!(site.managed.is_for(b"a.example.com") && !site.managed.is_for(b"stranger.example"));
}

#[tokio::test]
async fn nothing_is_found_before_it_is_configured() {
    let site = Site::new();
    assert_eq!(site.shown("example.com").await, None);
    assert!(site.managed.first().await.is_none() && !site.managed.is_for(b"example.com"));
}

#[tokio::test]
async fn a_new_certificate_is_shown_at_once_and_lasts() {
    let site = Site::new();
    site.store("example.com").await;
    site.configure(&[("example.com", &["example.com"])], 10, None);
    site.shown("example.com").await.expect("the old one");
    let (pem, new) = certificate("example.com");
    site.managed.install("example.com", &pem).expect("sound");
    assert_eq!(site.shown("example.com").await, Some(new));
    site.managed.install("example.com", b"damaged").expect_err("no certificate");
    assert!(site.shown("example.com").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_was_missing_is_found_later() {
    let site = Site::new();
    site.configure(&[("example.com", &["example.com"])], 10, None);
    assert_eq!(site.shown("example.com").await, None);
    let own = site.store("example.com").await;
    assert_eq!(site.shown("example.com").await, None, "storage is not asked for each handshake");
    tokio::time::advance(MISSING).await;
    assert_eq!(site.shown("example.com").await, Some(own));
}

#[tokio::test]
async fn another_certificate_in_storage_is_taken_and_a_lost_one_is_shown_on() {
    let site = Site::new();
    let old = site.store("example.com").await;
    site.configure(&[("example.com", &["example.com"])], 10, None);
    assert_eq!(site.shown("example.com").await, Some(old.clone()));
    let new = site.store("example.com").await;
    assert_eq!(site.shown("example.com").await, Some(old.clone()), "nobody said that there is another");
    site.managed.forget("example.com");
    assert_eq!(site.shown("example.com").await, Some(old), "nobody waits for the new one");
    site.loaded("example.com").await;
    assert_eq!(site.shown("example.com").await, Some(new.clone()));
    std::fs::remove_file(site.file("example.com")).expect("removed");
    site.managed.forget("example.com");
    for _ in 0..3 {
        assert_eq!(site.shown("example.com").await, Some(new.clone()), "nothing better is there");
        site.loaded("example.com").await;
    }
    std::fs::write(site.file("example.com"), "damaged").expect("written");
    site.managed.forget("example.com");
    assert_eq!(site.shown("example.com").await, Some(new.clone()));
    site.loaded("example.com").await;
    assert_eq!(site.shown("example.com").await, Some(new));
    let lines = site.lines.text();
    assert!(lines.contains("warn the certificate of example.com cannot be shown: it has no usable key"), "{lines}");
}

#[tokio::test]
async fn no_more_certificates_are_in_memory_than_configured() {
    let site = Site::new();
    let names: Vec<_> = (0..20).map(|number| format!("{number}.example")).collect();
    let mut stored = Vec::new();
    for name in &names {
        stored.push(site.store(name).await);
    }
    let subjects: Vec<_> = names.iter().map(|name| (name.as_str(), [name.as_str()])).collect();
    let subjects: Vec<_> = subjects.iter().map(|(subject, names)| (*subject, &names[..])).collect();
    site.configure(&subjects, 5, None);
    for _ in 0..2 {
        for (name, own) in names.iter().zip(&stored) {
            assert_eq!(site.shown(name).await.as_ref(), Some(own));
        }
    }
    assert_eq!(site.managed.memory.lock().len(), 5);
    std::fs::remove_dir_all(site.folder.path()).expect("removed");
    let mut shown = 0;
    for name in &names {
        shown += usize::from(site.shown(name).await.is_some());
    }
    assert!(shown <= 5, "{shown} of 5 in memory");
}

#[tokio::test]
async fn one_load_serves_all_who_wait_for_it() {
    let site = Site::new();
    site.store("example.com").await;
    site.configure(&[("example.com", &["example.com", "www.example.com"])], 10, None);
    let found = std::iter::repeat_n(["example.com", "www.example.com"], 50).flatten();
    let found = found.map(|name| {
        let managed = Arc::clone(&site.managed);
        tokio::spawn(async move { managed.find(name.as_bytes()).await.expect("found") })
    });
    let mut keys = Vec::new();
    for one in found.collect::<Vec<_>>() {
        keys.push(one.await.expect("no panic"));
    }
    assert!(keys.iter().all(|key| Arc::ptr_eq(key, &keys[0])), "all have the same one");
}

#[tokio::test]
async fn an_expired_certificate_is_shown_with_one_warning() {
    let site = Site::new();
    let mut params = rcgen::CertificateParams::new(["example.com".to_owned()]).expect("sound");
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    let own = params.self_signed(&key).expect("signed");
    let pem = (key.serialize_pem() + &own.pem()).into_bytes();
    site.storage.store(&certificate_key("example.com"), &pem).await.expect("stored");
    site.configure(&[("example.com", &["example.com"])], 10, None);
    for _ in 0..3 {
        assert!(site.shown("example.com").await.is_some());
    }
    let lines = site.lines.text();
    let warning = "warn the certificate of example.com expired on Wed, 01 Jan 2020 00:00:00 GMT, and is shown";
    assert_eq!(lines.matches(warning).count(), 1, "{lines}");
}

#[tokio::test]
async fn other_names_are_demanded_once_for_all_who_wait() {
    let site = Site::new();
    let (sender, mut demands) = mpsc::channel(8);
    site.configure(&[], 10, Some(sender));
    let asked: Vec<_> = (0..5)
        .map(|_| {
            let managed = Arc::clone(&site.managed);
            tokio::spawn(async move { managed.find(b"Customer.Example").await })
        })
        .collect();
    let demand = demands.recv().await.expect("a demand");
    assert_eq!(&*demand.name, "customer.example");
    asked[0].abort();
    site.store("customer.example").await;
    demand.reply.send(true).expect("somebody waits");
    for one in asked.into_iter().skip(1) {
        assert!(one.await.expect("no panic").is_some());
    }
    assert!(demands.try_recv().is_err(), "nobody else was asked");
    assert!(site.managed.is_for(b"customer.example"), "it is known from now on");
}

#[tokio::test]
async fn a_no_and_no_answer_refuse_the_handshake() {
    let site = Site::new();
    let (sender, mut demands) = mpsc::channel(8);
    site.configure(&[], 10, Some(sender));
    for answer in [Some(false), None] {
        let managed = Arc::clone(&site.managed);
        let asked = tokio::spawn(async move { managed.find(b"customer.example").await });
        let demand = demands.recv().await.expect("a demand");
        let _ = answer.map(|answer| demand.reply.send(answer));
        assert!(asked.await.expect("no panic").is_none());
    }
    drop(demands);
    assert_eq!(site.shown("customer.example").await, None, "nobody can be asked");
}

#[tokio::test]
async fn no_more_handshakes_wait_for_an_answer_than_allowed() {
    let site = Site::new();
    let (sender, mut demands) = mpsc::channel(3);
    site.configure(&[("known.example", &["known.example"])], 10, Some(sender));
    let known = site.store("known.example").await;
    let mut waiting = Vec::new();
    let mut asked = Vec::new();
    for number in 0..3 {
        let managed = Arc::clone(&site.managed);
        waiting.push(tokio::spawn(async move { managed.find(format!("{number}.example").as_bytes()).await }));
        // They leave the queue, and wait nevertheless.
        asked.push(demands.recv().await.expect("a demand"));
    }
    for number in 3..1_000 {
        assert_eq!(site.shown(&format!("{number}.example")).await, None);
    }
    assert!(demands.try_recv().is_err());
    assert_eq!(site.managed.memory.lock().len(), 0, "they leave nothing");
    assert_eq!(site.shown("known.example").await, Some(known));
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    for one in waiting {
        assert!(one.await.is_err());
    }
    let managed = Arc::clone(&site.managed);
    let next = tokio::spawn(async move { managed.find(b"next.example").await });
    assert_eq!(&*demands.recv().await.expect("a demand").name, "next.example");
    next.abort();
}

#[tokio::test]
async fn stored_certificates_for_names_that_are_not_written_need_no_demand() {
    let site = Site::new();
    let own = site.store("customer.example").await;
    let long = format!("{}.example", ["a".repeat(60), "b".repeat(60), "c".repeat(60), "d".repeat(60)].join("."));
    let other = site.store(&long).await;
    let (sender, demands) = mpsc::channel(8);
    site.configure(&[], 10, Some(sender));
    assert_eq!(site.shown("customer.example").await, Some(own));
    assert_eq!(site.shown(&long).await, Some(other));
    assert!(!site.managed.is_for(b"stranger.example"), "storage was read");
    assert!(demands.is_empty());
}

#[tokio::test]
async fn another_configuration_keeps_what_is_in_memory() {
    let site = Site::new();
    site.configure(&[("example.com", &["example.com"])], 10, None);
    let (pem, own) = certificate("example.com");
    site.managed.install("example.com", &pem).expect("sound");
    site.configure(&[("example.com", &["example.com"]), ("other.example", &["other.example"])], 10, None);
    assert_eq!(site.shown("example.com").await, Some(own), "though storage has none");
    site.configure(&[("other.example", &["other.example"])], 10, None);
    assert_eq!(site.shown("example.com").await, None, "it is not written any more");
}

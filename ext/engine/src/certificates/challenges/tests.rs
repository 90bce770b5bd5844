use super::*;
use crate::blocks::{BlockIndex, BlockQueue};
use crate::certificates::record::certificate_key;
use crate::compile::Report;
use crate::config::StorageConfig;

/// Two instances over one storage.
fn instances(storage: &Arc<Storage>) -> [Challenges; 2] {
    let all: [Challenges; 2] = Default::default();
    all.iter().for_each(|one| one.configure(storage, &Handle::current()));
    all
}

fn storage() -> (tempfile::TempDir, Arc<Storage>) {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Arc::new(Storage::in_folder(folder.path()));
    (folder, storage)
}

fn pem(name: &str) -> String {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    made.signing_key.serialize_pem() + &made.cert.pem()
}

#[tokio::test]
async fn each_instance_answers_a_pending_challenge_and_none_afterwards() {
    let (_folder, storage) = storage();
    let all = instances(&storage);
    all[0].add_http(&storage, "t0ken-_", "t0ken-_.thumbprint").await.expect("stored");
    all[0].add_alpn(&storage, "example.com", &pem("example.com")).await.expect("stored");
    for one in &all {
        assert_eq!(one.http(b"t0ken-_").await.as_deref(), Some("t0ken-_.thumbprint"));
        assert_eq!(one.http(b"t0ken").await, None);
        assert!(one.alpn(b"Example.com").await.is_some());
        assert!(one.alpn(b"www.example.com").await.is_none());
    }
    all[0].remove_http(&storage, "t0ken-_").await;
    all[0].remove_alpn(&storage, "example.com").await;
    for one in &all {
        assert_eq!(one.http(b"t0ken-_").await, None);
        assert!(one.alpn(b"example.com").await.is_none());
    }
}

#[tokio::test]
async fn what_is_no_token_is_not_looked_up() {
    let (_folder, storage) = storage();
    let [one, _] = instances(&storage);
    storage.store(&certificate_key("example.com"), &with_end("secret")).await.expect("stored");
    let long = "a".repeat(129);
    for token in ["", "../../certificates/example.com.pem", "a/b", "a.b", "%2e", "a b", "\0", &long] {
        assert_eq!(one.http(token.as_bytes()).await, None, "{token}");
    }
    assert!(one.alpn(b"../../certificates/example.com").await.is_none());
}

#[tokio::test]
async fn a_challenge_that_cannot_be_stored_is_not_answered() {
    let (folder, storage) = storage();
    let [one, _] = instances(&storage);
    std::fs::write(folder.path().join("challenges"), "a file").expect("written");
    one.add_http(&storage, "token", "token.thumbprint").await.expect_err("the folder is a file");
    assert_eq!(one.http(b"token").await, None);
    one.add_alpn(&storage, "example.com", "no pem").await.expect_err("damaged");
    one.add_alpn(&storage, "example.com", &pem("example.com")).await.expect_err("the folder is a file");
    assert!(one.alpn(b"example.com").await.is_none());
}

#[tokio::test]
async fn what_a_crash_has_left_is_void_after_a_day_and_goes() {
    let (_folder, storage) = storage();
    let [old, new] = ["old", "new"].map(http_challenge_key);
    storage.store(&old, b"old.thumbprint\n1700000000\n").await.expect("stored");
    storage.store(&new, &with_end("new.thumbprint")).await.expect("stored");
    let [one, _] = instances(&storage);
    assert_eq!(one.http(b"old").await, None);
    assert_eq!(one.http(b"new").await.as_deref(), Some("new.thumbprint"));
    remove_old(&storage).await;
    assert_eq!(storage.load(&old).await, Ok(None));
    assert!(storage.load(&new).await.expect("readable").is_some());
}

#[tokio::test(start_paused = true)]
async fn no_more_lookups_wait_for_a_slow_storage_than_allowed_whoever_leaves() {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let mut problems = Vec::new();
    let config = StorageConfig::Block(BlockIndex(0));
    let storage = Storage::compile(Some(&config), &set, &mut Report::new("acme", None, &mut problems));
    let storage = Arc::new(storage.expect("sound"));
    let one = Arc::new(Challenges::default());
    one.configure(&storage, &Handle::current());
    let asked: Vec<_> = (0..100)
        .map(|number| {
            let one = Arc::clone(&one);
            tokio::spawn(async move { one.http(format!("t{number}").as_bytes()).await })
        })
        .collect();
    for one in asked {
        assert_eq!(one.await.expect("no panic"), None, "it has waited as long as it may");
    }
    let elsewhere = one.elsewhere.load_full().expect("configured");
    assert_eq!(elsewhere.places.available_permits(), 0, "storage has not answered those who left");
    let _all = elsewhere.places.acquire_many(LOOKUPS as u32).await.expect("they are given back when it has");
}

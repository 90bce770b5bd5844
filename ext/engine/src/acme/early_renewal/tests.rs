use super::*;

fn storage() -> (tempfile::TempDir, Storage) {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::in_folder(folder.path().join("acme"));
    (folder, storage)
}

/// What a proxy does once it sees the wish.
async fn take(storage: &Storage, then: impl AsyncFnOnce(&Storage)) {
    while storage.load(&request_key("a.example")).await.expect("loaded").is_none() {
        sleep(Duration::from_millis(5)).await;
    }
    storage.delete(&request_key("a.example")).await.expect("deleted");
    then(storage).await;
}

#[tokio::test]
async fn a_new_certificate_is_the_end_of_it() {
    let (_folder, storage) = storage();
    storage.store(&certificate_key("a.example"), b"old").await.expect("stored");
    let renew = async |storage: &Storage| storage.store(&certificate_key("a.example"), b"new").await.expect("stored");
    let (outcome, ()) = tokio::join!(wish_and_wait(&storage, "a.example"), take(&storage, renew));
    assert_eq!(outcome, Ok(EarlyRenewal::Done));
}

#[tokio::test]
async fn an_attempt_that_failed_says_why() {
    let (_folder, storage) = storage();
    let failed = |failures: u32| CertificateState {
        names: vec!["a.example".into()],
        failures,
        last_error: Some(format!("failure {failures}")),
        ..CertificateState::default()
    };
    failed(3).store(&storage).await.expect("stored");
    let fail = async |storage: &Storage| failed(4).store(storage).await.expect("stored");
    let (outcome, ()) = tokio::join!(wish_and_wait(&storage, "a.example"), take(&storage, fail));
    assert_eq!(outcome, Ok(EarlyRenewal::Failed { error: "failure 4".into() }));
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_nobody_takes_is_taken_back() {
    let (_folder, storage) = storage();
    assert_eq!(wish_and_wait(&storage, "a.example").await, Ok(EarlyRenewal::NobodyThere));
    assert_eq!(storage.load(&request_key("a.example")).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_long_order_is_waited_for_and_goes_on_after_that() {
    let (_folder, storage) = storage();
    let _lock = storage.lock(&order_lock("a.example")).await.expect("asked").expect("taken");
    assert_eq!(wish_and_wait(&storage, "a.example").await, Ok(EarlyRenewal::UnderWay));
}

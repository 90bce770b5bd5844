use std::path::Path;

use super::*;
use crate::config::{Problem, StorageConfig};

fn compiled(config: &StorageConfig) -> (Option<Storage>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut report = Report::new("acme", None, &mut problems);
    let storage = Storage::compile(Some(config), &BlockSet::default(), &mut report);
    (storage, problems)
}

#[tokio::test]
async fn names_of_clients_stay_in_the_folder() {
    let around = tempfile::tempdir().expect("a folder");
    let storage = Storage::in_folder(around.path().join("acme"));
    for key in ["../x", "a/../../x", "/etc/passwd", "a//b", "", "a/", ".x", "a/.x", "a\0b", "a b", "ä", "a\\b"] {
        assert!(storage.store(key, b"x").await.is_err(), "{key}");
        assert!(storage.load(key).await.is_err(), "{key}");
        assert!(storage.delete(key).await.is_err(), "{key}");
        assert!(storage.lock(key).await.is_err(), "{key}");
    }
    assert!(storage.list("../").await.is_err());
    assert!(!around.path().join("acme").exists());
}

#[tokio::test]
async fn a_written_folder_keeps_values_and_locks() {
    let around = tempfile::tempdir().expect("a folder");
    let path = around.path().join("acme");
    let (storage, problems) = compiled(&StorageConfig::Folder(path.to_str().expect("text").into()));
    assert_eq!(problems, []);
    assert!(!path.exists(), "a check writes nothing");
    let storage = storage.expect("sound");
    storage.store("states/a.json", b"{}").await.expect("stored");
    assert_eq!(storage.load("states/a.json").await, Ok(Some(b"{}".to_vec())));
    assert_eq!(storage.list("states/").await, Ok(vec!["states/a.json".into()]));
    let lock = storage.lock("locks/a").await.expect("locked");
    assert!(lock.is_some());
    assert!(storage.lock("locks/a").await.expect("locked").is_none());
    drop(lock);
    assert!(storage.lock("locks/a").await.expect("locked").is_some());
}

#[test]
fn folders_that_cannot_work_are_told() {
    let around = tempfile::tempdir().expect("a folder");
    let file = around.path().join("file");
    std::fs::write(&file, "x").expect("written");
    let told = |path: &Path| {
        let (storage, problems) = compiled(&StorageConfig::Folder(path.to_str().expect("text").into()));
        let messages: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
        (storage.is_some(), messages.join("\n"))
    };
    let (is_sound, message) = told(&file);
    assert!(!is_sound && message.ends_with("is a file: write the path of a folder"), "{message}");
    let (is_sound, message) = told(Path::new("acme"));
    assert!(!is_sound && message.contains("is not an absolute path"), "{message}");
    let (is_sound, message) = told(&around.path().join("volume/acme"));
    assert!(is_sound && message.contains("volume does not exist: mount its volume"), "{message}");
    let (is_sound, message) = told(Path::new("/proc/sys/acme"));
    assert!(is_sound && message.contains("/proc/sys/acme"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn file_systems_that_forget_are_known() {
    assert_eq!(Storage::in_folder("/dev/shm/proxy/acme").in_memory(), Some("tmpfs"));
    assert_eq!(Storage::in_folder("/proc/acme").in_memory(), None);
}

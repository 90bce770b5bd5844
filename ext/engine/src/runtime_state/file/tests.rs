use std::os::unix::fs::symlink;

use super::*;

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("proxy.state");
    (folder, path)
}

#[test]
fn what_was_written_is_read() {
    let (_folder, path) = place();
    assert!(matches!(read(&path), Err(NoState::Missing)));
    let mut state = RuntimeState::default();
    state.upstreams.insert("app".into(), super::super::UpstreamState { revision: 3, ..Default::default() });
    for _ in 0..2 {
        write(&path, &state).expect("written");
        assert_eq!(read(&path).expect("read"), state);
    }
}

#[test]
fn what_a_killed_process_has_left_is_in_nobodys_way() {
    let (folder, path) = place();
    let other = folder.path().join("other");
    fs::write(&other, "other").expect("written");
    // A temporary file, and a link that somebody has put into its place.
    fs::write(beside(&path, "new"), "half").expect("written");
    write(&path, &RuntimeState::default()).expect("written");
    symlink(&other, beside(&path, "new")).expect("a link");
    write(&path, &RuntimeState::default()).expect("written");
    assert_eq!(fs::read_to_string(&other).expect("read"), "other");
    fs::write(beside(&path, "lock"), "99").expect("written");
    assert!(StateLock::take(&path).expect("a lock").is_ok(), "nobody holds it");
    assert!(!beside(&path, "lock").exists() && !beside(&path, "new").exists());
}

#[test]
fn a_link_in_the_place_of_the_lock_is_not_followed() {
    let (folder, path) = place();
    let other = folder.path().join("other");
    fs::write(&other, "other").expect("written");
    symlink(&other, beside(&path, "lock")).expect("a link");
    assert!(StateLock::take(&path).is_err());
    assert_eq!(fs::read_to_string(&other).expect("read"), "other");
}

#[test]
fn one_holds_the_lock_and_the_other_hears_who() {
    let (_folder, path) = place();
    let held = StateLock::take(&path).expect("a lock").expect("it is free");
    assert_eq!(StateLock::take(&path).expect("a lock").expect_err("it is held"), Some(std::process::id()));
    drop(held);
    assert!(StateLock::take(&path).expect("a lock").is_ok());
}

#[test]
fn a_path_that_is_no_file_is_a_mistake() {
    let (folder, path) = place();
    let mut problems = Vec::new();
    let mut compiled = |path: &Path| {
        let setting = Setting::of(path.to_str().expect("a path").to_owned());
        (compile(Some(&setting), &mut problems), problems.drain(..).map(|it| it.message).collect::<Vec<_>>())
    };
    assert_eq!(compiled(&path), (Some(path.clone()), vec![]));
    let (none, told) = compiled(folder.path());
    assert!(none.is_none() && told[0].contains("is no file"), "{told:?}");
    let (some, told) = compiled(&folder.path().join("a/b"));
    assert!(some.is_some() && told[0].contains("is not there"), "{told:?}");
}

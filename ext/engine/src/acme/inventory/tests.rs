use std::time::{Duration, UNIX_EPOCH};

use super::*;

fn state(names: &[&str]) -> CertificateState {
    CertificateState { names: names.iter().map(ToString::to_string).collect(), ..CertificateState::default() }
}

fn names(states: &[CertificateState]) -> Vec<String> {
    states.iter().map(|state| state.names.join(" ")).collect()
}

#[tokio::test]
async fn wanted_certificates_come_first_and_each_is_told_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::in_folder(folder.path().join("acme"));
    for names in [&["z.example"][..], &["b.example"], &["a.example", "*.a.example"]] {
        state(names).store(&storage).await.expect("stored");
    }
    let wanted = [vec!["c.example".into()], vec!["b.example".into(), "*.b.example".into()]];
    let found = states(&storage, &wanted).await;
    assert_eq!(names(&found), ["c.example", "b.example *.b.example", "a.example *.a.example", "z.example"]);
    assert!(found.iter().all(|state| state.last_error.is_none()));
}

#[tokio::test]
async fn wanted_certificates_say_why_storage_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("written");
    let found = states(&Storage::in_folder(folder.path().join("file")), &[vec!["a.example".into()]]).await;
    assert_eq!(names(&found), ["a.example"]);
    assert!(found[0].last_error.as_ref().is_some_and(|error| error.contains("file")), "{found:?}");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_says_so_and_others_are_told_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::in_folder(folder.path().join("acme"));
    for names in [&["a.example"][..], &["c.example"]] {
        state(names).store(&storage).await.expect("stored");
    }
    std::fs::create_dir_all(folder.path().join("acme/states/b.example.json")).expect("made");
    let wanted = [vec!["a.example".into()], vec!["b.example".into()]];
    let found = states(&storage, &wanted).await;
    assert_eq!(names(&found), ["a.example", "b.example", "c.example"]);
    let told: Vec<_> = found.iter().map(|state| state.last_error.is_some()).collect();
    assert_eq!(told, [false, true, false], "{found:?}");
}

#[test]
fn a_name_of_its_own_goes_before_a_wildcard() {
    let states = [state(&["a.example", "*.a.example"]), state(&["b.a.example"])];
    for (name, subject) in [
        ("a.example", Some("a.example")),
        ("*.a.example", Some("a.example")),
        ("X.a.example.", Some("a.example")),
        ("b.a.example", Some("b.a.example")),
        ("x.b.a.example", None),
        ("example", None),
    ] {
        assert_eq!(find(&states, name).map(|state| &*state.names[0]), subject, "{name}");
    }
}

#[test]
fn a_person_sees_moments_in_seconds() {
    let moment = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let state = CertificateState { not_after: Some(moment(9)), failures: 2, ..state(&["a.example"]) };
    let info = described(state, Some("zerossl".into()), Some(moment(7)));
    assert_eq!((info.expires, info.next_attempt, info.failures), (Some(9.0), Some(7.0), 2));
    assert_eq!((info.kind, info.authority.as_deref()), (CertificateKind::Managed, Some("zerossl")));
}

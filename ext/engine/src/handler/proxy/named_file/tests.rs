use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn roots(written: &[(Option<&str>, &Path)]) -> NamedFiles {
    let written: Vec<_> =
        written.iter().map(|(uri, path)| (uri.map(str::to_owned), path.to_str().expect("text").to_owned())).collect();
    Report::sound(|report| NamedFiles::compile(&written, report)).expect("roots")
}

#[test]
fn only_files_inside_of_the_folders_are_opened() {
    let site = tempfile::tempdir().expect("a folder");
    let at = |name: &str| site.path().join(name);
    fs::create_dir_all(at("storage/sub")).expect("folders");
    fs::create_dir_all(at("storage2")).expect("folders");
    for name in ["storage/a", "storage/sub/b", "storage/ä b", "secret", "storage2/c"] {
        fs::write(at(name), "text").expect(name);
    }
    symlink("../secret", at("storage/out")).expect("a link");
    symlink("storage", at("current")).expect("a link");
    let files = roots(&[(Some("/files"), &at("storage")), (Some("/files/deep/"), &at("storage/sub"))]);
    let below = |name: &str| at(name).to_str().expect("text").to_owned();
    for (name, value, expected) in [
        ("X-Sendfile", below("storage/a"), true),
        ("X-Sendfile", below("storage/sub/b"), true),
        ("X-Sendfile", below("current/a"), true),
        ("X-Sendfile", below("storage/out"), false),
        ("X-Sendfile", below("secret"), false),
        ("X-Sendfile", below("storage2/c"), false),
        ("X-Sendfile", below("storage/../secret"), false),
        ("X-Sendfile", "storage/a".into(), false),
        ("X-Sendfile", "/etc/passwd".into(), false),
        ("X-Accel-Redirect", "/files/a".into(), true),
        ("X-Accel-Redirect", "/files/%61".into(), true),
        ("X-Accel-Redirect", "/files/sub/b".into(), true),
        ("X-Accel-Redirect", "/files/deep/b".into(), true),
        ("X-Accel-Redirect", "/files/a?b".into(), true),
        ("X-Accel-Redirect", "/files/ä b".into(), true),
        ("X-Accel-Redirect", "/files/%C3%A4%20b".into(), true),
        ("X-Accel-Redirect", "/files/..\\secret".into(), false),
        ("X-Accel-Redirect", "/files/out".into(), false),
        ("X-Accel-Redirect", "/files/../secret".into(), false),
        ("X-Accel-Redirect", "/files/%2e%2e/secret".into(), false),
        ("X-Accel-Redirect", "/filesa".into(), false),
        ("X-Accel-Redirect", below("storage/a"), true),
        ("X-Accel-Redirect", below("current/a"), true),
        ("X-Accel-Redirect", below("secret"), false),
        ("X-Accel-Redirect", below("storage/out"), false),
    ] {
        let mut fields = Fields::default();
        fields.push_field(name.as_bytes(), value.as_bytes());
        assert!(names_file(&fields));
        let opened = open(&files.roots, &named(&fields, &files.roots), true);
        assert_eq!(matches!(opened, Ok(Some(AtName::File(_)))), expected, "{name}: {value}: {opened:?}");
    }
}

#[test]
fn a_backend_is_told_how_to_name_files() {
    let told = |files: &NamedFiles| -> Vec<String> {
        let line = |(name, value): &(&str, Vec<u8>)| format!("{name}: {}", String::from_utf8_lossy(value));
        files.told.iter().map(line).collect()
    };
    assert_eq!(told(&roots(&[(None, Path::new("/tmp"))])), ["X-Sendfile-Type: X-Sendfile"]);
    assert_eq!(
        told(&roots(&[(Some("/files"), Path::new("/tmp")), (Some("/etc/"), Path::new("/etc"))])),
        ["X-Sendfile-Type: X-Accel-Redirect", "X-Accel-Mapping: /tmp/=/files/, /etc/=/etc/"]
    );
}

#[test]
fn the_type_of_a_file_is_that_of_its_decoded_name() {
    let site = tempfile::tempdir().expect("a folder");
    let files = roots(&[(Some("/files"), site.path())]);
    for (name, value, expected) in [
        ("X-Sendfile", "/srv/a.css", "text/css; charset=utf-8"),
        ("X-Sendfile", "/srv/a?b.png", "image/png"),
        ("X-Accel-Redirect", "/files/a.css?v=1.png", "text/css; charset=utf-8"),
        ("X-Accel-Redirect", "/files/a%2ecss", "text/css; charset=utf-8"),
        ("X-Accel-Redirect", "/files/a", "application/octet-stream"),
        ("X-Accel-Redirect", "/elsewhere/a%2ecss", "text/css; charset=utf-8"),
        ("X-Accel-Redirect", "@named.css", "application/octet-stream"),
    ] {
        let mut fields = Fields::default();
        fields.push_field(name.as_bytes(), value.as_bytes());
        assert_eq!(named(&fields, &files.roots).media_type(), expected, "{value}");
    }
}

#[test]
fn what_is_outside_is_told_from_what_is_not_there() {
    let site = tempfile::tempdir().expect("a folder");
    let at = |name: &str| site.path().join(name);
    fs::create_dir_all(at("storage")).expect("folders");
    fs::write(at("secret"), "text").expect("a file");
    symlink("../secret", at("storage/out")).expect("a link");
    symlink(at("secret"), at("storage/absolute")).expect("a link");
    symlink("nowhere", at("storage/dangling")).expect("a link");
    symlink("storage", at("current")).expect("a link");
    let files = roots(&[(Some("/files"), &at("current"))]);
    let below = |name: &str| at(name).into_os_string().into_encoded_bytes();
    for (named, is_outside) in [
        (Named::Path(below("current/out")), true),
        (Named::Path(below("storage/out")), true),
        (Named::Path(below("storage/absolute")), true),
        (Named::Path(below("secret")), true),
        (Named::Path(below("none")), true),
        (Named::Below(0, b"/out".to_vec()), true),
        (Named::Path(below("current/dangling")), false),
        (Named::Path(below("storage/dangling")), false),
        (Named::Path(below("storage/none")), false),
        (Named::Path(below("current/none/none")), false),
        (Named::Path(below("storage/none/none")), false),
        (Named::Below(0, b"/none".to_vec()), false),
    ] {
        let opened = open(&files.roots, &named, true);
        match is_outside {
            true => assert!(matches!(opened, Ok(None)), "{named:?}: {opened:?}"),
            false => assert!(opened.as_ref().is_err_and(is_absence), "{named:?}: {opened:?}"),
        }
    }
}

#[test]
fn a_link_to_a_folder_that_was_turned_is_followed_to_the_new_one() {
    let site = tempfile::tempdir().expect("a folder");
    let at = |name: &str| site.path().join(name);
    for release in ["one", "two"] {
        fs::create_dir(at(release)).expect("a folder");
        fs::write(at(release).join("a"), release).expect("a file");
    }
    symlink("one", at("current")).expect("a link");
    let files = roots(&[(Some("/files"), &at("current"))]);
    let opens = |name: &str| {
        let mut fields = Fields::default();
        fields.push_field(b"X-Accel-Redirect", at(name).as_os_str().as_bytes());
        matches!(open(&files.roots, &named(&fields, &files.roots), true), Ok(Some(AtName::File(_))))
    };
    assert_eq!([opens("one/a"), opens("two/a")], [true, false]);
    fs::remove_file(at("current")).expect("it was there");
    symlink("two", at("current")).expect("a link");
    assert_eq!([opens("one/a"), opens("two/a")], [false, true]);
}

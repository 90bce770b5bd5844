use std::fs;
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::*;

const ALL: [Links; 3] = [Links::Follow, Links::Inside, Links::Refuse];

/// A folder `root` with files, beside a file that is not in it.
fn site() -> tempfile::TempDir {
    let site = tempfile::tempdir().expect("a folder");
    let at = |name: &str| site.path().join(name);
    fs::create_dir_all(at("root/sub")).expect("folders");
    for (name, text) in [("root/a.txt", "a"), ("root/sub/b.txt", "b"), ("secret", "s"), ("root/sub/c", "c")] {
        fs::write(at(name), text).expect(name);
    }
    for (name, to) in [
        ("root/inside", Path::new("sub/b.txt")),
        ("root/outside", Path::new("../secret")),
        ("root/folder", Path::new("sub")),
        ("root/up", Path::new("..")),
        ("root/loop", Path::new("loop")),
        ("root/absolute", &at("root/a.txt")),
        ("root/absolute_outside", &at("secret")),
    ] {
        symlink(to, at(name)).expect(name);
    }
    site
}

/// What stands at a name: the text of a file, the kind of anything else, or the kind of the error.
fn opened(folder: &ServedFolder, name: &str, may_wait: bool) -> String {
    match folder.open(name.as_bytes(), may_wait) {
        Ok(AtName::File(file)) => {
            let mut text = vec![0; file.length() as usize];
            std::os::unix::fs::FileExt::read_exact_at(&file.file, &mut text, 0).expect("read");
            String::from_utf8(text).expect("text")
        }
        Ok(AtName::Folder) => "folder".into(),
        Ok(AtName::Other) => "other".into(),
        Err(error) if is_absence(&error) => "absent".into(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn links_lead_as_far_as_they_may() {
    let site = site();
    for (name, expected) in [
        ("a.txt", ["a", "a", "a"]),
        ("sub/b.txt", ["b", "b", "b"]),
        ("sub", ["folder", "folder", "folder"]),
        ("", ["folder", "folder", "folder"]),
        ("inside", ["b", "b", "absent"]),
        ("folder/c", ["c", "c", "absent"]),
        ("outside", ["s", "absent", "absent"]),
        ("up/secret", ["s", "absent", "absent"]),
        ("absolute", ["a", "a", "absent"]),
        ("absolute_outside", ["s", "absent", "absent"]),
        ("loop", ["absent", "absent", "absent"]),
        ("none", ["absent", "absent", "absent"]),
        ("a.txt/b", ["absent", "absent", "absent"]),
        (&"n".repeat(300), ["absent", "absent", "absent"]),
    ] {
        for (links, expected) in ALL.into_iter().zip(expected) {
            let folder = ServedFolder::new(&site.path().join("root"), links).expect("a folder");
            assert_eq!(opened(&folder, name, true), expected, "{name} {links:?}");
            let at_once = opened(&folder, name, false);
            assert!(at_once == expected || at_once == "WouldBlock", "{name} {links:?}: {at_once}");
        }
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let site = site();
    let root = site.path().join("root");
    nix::unistd::mkfifo(&root.join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).expect("a socket");
    for links in ALL {
        let folder = ServedFolder::new(&root, links).expect("a folder");
        assert_eq!(opened(&folder, "pipe", true), "other");
        assert_eq!(opened(&folder, "socket", true), "absent");
    }
    assert!(ServedFolder::new(&root.join("a.txt"), Links::Follow).is_err());
    assert!(ServedFolder::new(&root.join("none"), Links::Follow).is_err());
}

#[test]
fn a_folder_is_found_anew_for_each_file() {
    let site = site();
    let current = site.path().join("current");
    symlink("root", &current).expect("a link");
    fs::create_dir(site.path().join("next")).expect("a folder");
    fs::write(site.path().join("next/a.txt"), "next").expect("written");
    for links in ALL {
        fs::remove_file(&current).expect("removed");
        symlink("root", &current).expect("a link");
        let folder = ServedFolder::new(&current, links).expect("a folder");
        assert_eq!(opened(&folder, "a.txt", true), "a");
        fs::remove_file(&current).expect("removed");
        symlink("next", &current).expect("a link");
        assert_eq!(opened(&folder, "a.txt", true), "next", "{links:?}");
    }
}

#[test]
fn a_file_that_may_not_be_read_is_no_absent_one() {
    let site = site();
    let file = site.path().join("root/a.txt");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).expect("changed");
    if fs::File::open(&file).is_ok() {
        // This user may read everything.
        return;
    }
    let folder = ServedFolder::new(&site.path().join("root"), Links::Follow).expect("a folder");
    assert_eq!(opened(&folder, "a.txt", true), "PermissionDenied");
}

/// The whole file, in pieces of at most `most` bytes.
async fn whole(file: OpenFile, most: u64) -> io::Result<Vec<u8>> {
    let length = file.length();
    let mut reader = FileReader::new(Arc::new(file));
    let mut text = Vec::new();
    while (text.len() as u64) < length {
        let at = text.len() as u64;
        let mut take = |piece: &[u8]| {
            // Not all of a piece is taken at once.
            let n = piece.len().div_ceil(2);
            text.extend_from_slice(&piece[..n]);
            Poll::Ready(Ok(n))
        };
        poll_fn(|cx| reader.poll_piece(cx, at, most, |_, piece| take(piece))).await?;
    }
    Ok(text)
}

#[tokio::test]
async fn files_are_read_whatever_their_speed() {
    let site = site();
    let bytes: Vec<u8> = (0..700_000u32).flat_map(|n| n.to_le_bytes()).collect();
    let path = site.path().join("root/large");
    fs::write(&path, &bytes).expect("written");
    for speed in [Speed::Memory, Speed::Disk, Speed::Remote] {
        for most in [1_000, 70_000, u64::MAX] {
            let file = File::open(&path).expect("opened");
            let facts = fstat(&file).expect("facts");
            let read = whole(OpenFile::new(file, &facts, speed, DiskThreads::default()), most).await.expect("read");
            assert!(read == bytes, "{speed:?} {most}");
        }
    }
}

#[tokio::test]
async fn a_file_that_has_become_shorter_is_an_error() {
    let site = site();
    let path = site.path().join("root/large");
    for speed in [Speed::Memory, Speed::Disk, Speed::Remote] {
        fs::write(&path, vec![1; 400_000]).expect("written");
        let file = File::open(&path).expect("opened");
        let facts = fstat(&file).expect("facts");
        let file = OpenFile::new(file, &facts, speed, DiskThreads::default());
        fs::write(&path, vec![1; 100_000]).expect("written");
        let error = whole(file, u64::MAX).await.expect_err("it ends too early");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{speed:?}");
    }
}

/// What `take` of a reader gets in one piece, and whether memory was allocated for that.
fn piece_at_once(path: &Path, taken: usize) -> (usize, u64) {
    let file = File::open(path).expect("opened");
    let facts = fstat(&file).expect("facts");
    let file = Arc::new(OpenFile::new(file, &facts, Speed::Memory, DiskThreads::default()));
    let mut got = 0;
    let counted = allocation_counter::measure(|| {
        let mut reader = FileReader::new(file);
        let cx = &mut Context::from_waker(Waker::noop());
        let polled = reader.poll_piece(cx, 0, u64::MAX, |_, piece| {
            got = piece.len();
            Poll::Ready(Ok(taken))
        });
        assert!(matches!(polled, Poll::Ready(Ok(n)) if n == taken));
    });
    (got, counted.count_total)
}

#[test]
fn memory_is_allocated_only_for_what_is_not_taken_at_once() {
    let site = site();
    let path = site.path().join("root/page");
    fs::write(&path, vec![1; 10_000]).expect("written");
    assert_eq!(piece_at_once(&path, 10_000).0, 10_000);
    // The thread has its room now.
    assert_eq!(piece_at_once(&path, 10_000), (10_000, 0));
    assert_eq!(piece_at_once(&path, 9_000), (10_000, 1));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_is_sent_by_the_system_is_read_before() {
    let site = site();
    let path = site.path().join("root/large");
    fs::write(&path, vec![1; 1_000_000]).expect("written");
    let file = File::open(&path).expect("opened");
    let facts = fstat(&file).expect("facts");
    let mut reader = FileReader::new(Arc::new(OpenFile::new(file, &facts, Speed::Disk, DiskThreads::default())));
    let mut offset = 0;
    while offset < 1_000_000 {
        let most = 524_288.min(1_000_000 - offset);
        let warm = poll_fn(|cx| reader.poll_warm(cx, offset, most)).await.expect("warm");
        assert!((1..=most).contains(&warm), "{warm} of {most} at {offset}");
        offset += warm;
    }
    let error = poll_fn(|cx| reader.poll_warm(cx, 1_000_000, 1)).await.expect_err("there is no more");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

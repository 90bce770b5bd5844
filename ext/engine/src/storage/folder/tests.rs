use std::os::unix::fs::PermissionsExt;

use super::*;

fn folder() -> (tempfile::TempDir, Folder) {
    let around = tempfile::tempdir().expect("a folder");
    let folder = Folder::new(&around.path().join("acme"));
    (around, folder)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn values_come_back_and_are_replaced_and_removed() {
    let (_around, folder) = folder();
    assert_eq!(folder.load("states/a.json").expect("loaded"), None);
    folder.store("states/a.json", b"first").expect("stored");
    folder.store("states/a.json", b"second").expect("stored");
    assert_eq!(folder.load("states/a.json").expect("loaded").as_deref(), Some(&b"second"[..]));
    folder.delete("states/a.json").expect("deleted");
    folder.delete("states/a.json").expect("it is gone already");
    assert_eq!(folder.load("states/a.json").expect("loaded"), None);
}

#[test]
fn only_the_owner_reads_what_is_there() {
    let (_around, folder) = folder();
    folder.store("challenges/http/token", b"x").expect("stored");
    let lock = folder.lock("locks/a").expect("locked").expect("free");
    for (path, wanted) in [
        ("", 0o700),
        ("challenges", 0o700),
        ("challenges/http", 0o700),
        ("challenges/http/token", 0o600),
        ("locks", 0o700),
        ("locks/a", 0o600),
    ] {
        assert_eq!(mode(&folder.path.join(path)), wanted, "{path}");
    }
    drop(lock);
}

#[test]
fn a_list_has_values_below_the_prefix_and_nothing_else() {
    let (_around, folder) = folder();
    assert_eq!(folder.list("challenges/").expect("listed"), Vec::<String>::new());
    for key in ["challenges/http/a", "challenges/alpn/b.pem", "challengers/c"] {
        folder.store(key, b"x").expect("stored");
    }
    fs::write(folder.path.join("challenges/http/.0123.tmp"), "half").expect("written");
    let mut keys = folder.list("challenges/").expect("listed");
    keys.sort();
    assert_eq!(keys, ["challenges/alpn/b.pem", "challenges/http/a"]);
}

#[test]
fn remains_of_ended_processes_are_removed_and_others_stay() {
    let (_around, folder) = folder();
    let states = folder.path.join("states");
    fs::create_dir_all(&states).expect("made");
    let (old, young, value) = (states.join(".1.tmp"), states.join(".2.tmp"), states.join("a.json"));
    for path in [&old, &young, &value] {
        File::create(path).expect("made");
    }
    let then = time_of_day() - 2 * LEFT_BEHIND;
    for path in [&old, &value] {
        File::options().write(true).open(path).expect("opened").set_modified(then).expect("set");
    }
    folder.store("orders/b.json", b"x").expect("stored");
    assert_eq!([old.exists(), young.exists(), value.exists()], [false, true, true]);
}

#[test]
fn readers_see_whole_values_while_others_write_and_no_file_is_left() {
    let (_around, folder) = folder();
    let values = [vec![b'a'; 40_000], vec![b'b'; 70_000]];
    folder.store("states/a.json", &values[0]).expect("stored");
    std::thread::scope(|scope| {
        let write = |value: &[u8]| (0..20).for_each(|_| folder.store("states/a.json", value).expect("stored"));
        let writers = values.each_ref().map(|value| scope.spawn(move || write(value)));
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let read = folder.load("states/a.json").expect("loaded").expect("there");
            assert!(values.contains(&read), "{} bytes", read.len());
        }
    });
    assert_eq!(fs::read_dir(folder.path.join("states")).expect("listed").count(), 1);
}

#[test]
fn a_folder_is_made_but_not_the_volume_it_is_on() {
    let (around, _) = folder();
    let folder = Folder::new(&around.path().join("volume/acme"));
    let error = folder.store("states/a.json", b"x").expect_err("no volume");
    let told = folder.trouble(&error).0;
    let volume = around.path().join("volume");
    assert!(told.contains(&format!("since {} does not exist: mount its volume", volume.display())), "{told}");
    assert!(!volume.exists());
    let folder = Folder { is_default: true, ..folder };
    folder.store("states/a.json", b"x").expect("stored");
    fs::remove_dir_all(&folder.path).expect("removed");
    folder.store("states/a.json", b"x").expect("made anew");
}

#[test]
fn a_lock_keeps_out_others_until_it_is_dropped() {
    let (_around, folder) = folder();
    let first = folder.lock("locks/a").expect("locked").expect("free");
    assert!(folder.lock("locks/a").expect("locked").is_none());
    assert!(folder.lock("locks/b").expect("locked").is_some(), "another lock");
    drop(first);
    assert!(!folder.path.join("locks/a").exists());
    assert!(folder.lock("locks/a").expect("locked").is_some());
}

#[test]
fn one_of_many_threads_holds_a_lock() {
    let (_around, folder) = folder();
    let inside = std::sync::atomic::AtomicUsize::new(0);
    let taken = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while taken.load(Relaxed) < 200 {
                    let Some(lock) = folder.lock("locks/a").expect("locked") else { continue };
                    assert_eq!(inside.fetch_add(1, Relaxed), 0);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Relaxed);
                    taken.fetch_add(1, Relaxed);
                    drop(lock);
                }
            });
        }
    });
}

#[test]
fn a_lock_whose_file_is_gone_does_not_remove_that_of_another() {
    let (_around, folder) = folder();
    let first = folder.lock("locks/a").expect("locked").expect("free");
    fs::remove_dir_all(&folder.path).expect("removed");
    let second = folder.lock("locks/a").expect("locked").expect("another file");
    drop(first);
    assert!(folder.lock("locks/a").expect("locked").is_none());
    drop(second);
}

mod processes;

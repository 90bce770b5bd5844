//! Several processes, which are killed as when the power fails for them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

/// Variable of a process of these tests: the folder.
const FOLDER: &str = "PROXY_TEST_FOLDER";
/// Bytes of a value, many pages of them.
const LENGTH: usize = 300_000;

/// Another process, killed when this is dropped.
struct Other(Child);

impl Other {
    /// Runs one of the ignored tests of this file, and waits until it says that it has begun.
    fn run(test: &str, folder: &Folder) -> Self {
        let name = format!("storage::folder::tests::processes::{test}");
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([&name, "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, &folder.path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let begun = output.lines().map_while(Result::ok).any(|line| line.contains("it has begun"));
        assert!(begun, "{test} has ended");
        Self(child)
    }

    fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("waited");
    }
}

/// The folder, in a process that was started for it.
fn given() -> Folder {
    Folder::new(Path::new(&std::env::var_os(FOLDER).expect("a folder")))
}

#[test]
#[ignore = "another process, which a test starts"]
fn store_for_ever() {
    let folder = given();
    folder.store("states/a.json", &[b'a'; LENGTH]).expect("stored");
    println!("it has begun");
    for letter in (b'b'..=b'z').cycle() {
        folder.store("states/a.json", &vec![letter; LENGTH]).expect("stored");
    }
}

#[test]
#[ignore = "another process, which a test starts"]
fn hold_a_lock() {
    let _lock = given().lock("locks/a").expect("locked").expect("free");
    println!("it has begun");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_kill_in_the_middle_of_a_write_leaves_a_whole_value() {
    let (_around, folder) = folder();
    for number in 0..20 {
        let other = Other::run("store_for_ever", &folder);
        // Each time at another moment of a write.
        std::thread::sleep(Duration::from_micros(137 * number));
        other.kill();
        let value = folder.load("states/a.json").expect("loaded").expect("there");
        assert_eq!(value.len(), LENGTH);
        assert!(value.iter().all(|letter| *letter == value[0]), "it is mixed");
        assert_eq!(folder.list("states/").expect("listed"), ["states/a.json"]);
    }
}

#[test]
fn a_lock_keeps_out_other_processes_and_ends_with_its_own() {
    let (_around, folder) = folder();
    let other = Other::run("hold_a_lock", &folder);
    assert!(folder.lock("locks/a").expect("locked").is_none());
    assert!(folder.lock("locks/b").expect("locked").is_some());
    other.kill();
    let lock = folder.lock("locks/a").expect("locked");
    assert!(lock.is_some());
}

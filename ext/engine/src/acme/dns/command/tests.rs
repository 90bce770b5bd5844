use std::fs;

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A shell script, as a provider.
fn script(text: &str) -> (tempfile::TempDir, CommandProvider) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dns");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a file is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let words = [path.display().to_string(), "--zone x".to_owned()];
    let provider = Report::sound(|report| CommandProvider::compile(&words, report)).expect("a provider");
    (folder, provider)
}

#[tokio::test]
async fn the_program_gets_what_to_do_behind_its_own_arguments() {
    let (folder, provider) = script("printf '[%s]' \"$@\" >> \"$(dirname \"$0\")/calls\"");
    provider.call("add", "_acme-challenge.example.com", "-one two;$x", LONG).await.expect("it ends well");
    provider.call("remove", "_acme-challenge.example.com", "-one two;$x", LONG).await.expect("it ends well");
    let calls = fs::read_to_string(folder.path().join("calls")).expect("it was called");
    let rest = "[_acme-challenge.example.com][-one two;$x]";
    assert_eq!(calls, format!("[--zone x][add]{rest}[--zone x][remove]{rest}"));
}

#[tokio::test]
async fn a_failure_has_the_status_and_the_last_line_that_it_printed() {
    let (_folder, provider) = script("echo begin; echo 'no such zone' >&2; echo; exit 3");
    let why = provider.call("add", "a", "b", LONG).await.expect_err("it fails");
    assert!(why.ends_with("/dns ended with status 3: no such zone"), "{why}");
    let (_folder, provider) = script("kill -TERM $$");
    let why = provider.call("add", "a", "b", LONG).await.expect_err("it fails");
    assert!(why.ends_with("/dns was ended by signal 15"), "{why}");
}

#[tokio::test]
async fn a_program_that_prints_more_than_a_pipe_holds_ends() {
    let (_folder, provider) = script("head -c 1000000 /dev/zero");
    provider.call("add", "a", "b", LONG).await.expect("it ends well");
}

#[tokio::test]
async fn what_a_program_leaves_behind_holds_up_nothing() {
    let (folder, provider) = script("sleep 600 & echo $! > \"$(dirname \"$0\")/pid\"; echo failed; exit 1");
    let why = provider.call("add", "a", "b", LONG).await.expect_err("it fails");
    assert!(why.contains("ended with status 1"), "{why}");
    let pid = fs::read_to_string(folder.path().join("pid")).expect("it was started");
    nix::sys::signal::kill(Pid::from_raw(pid.trim().parse().expect("a number")), Signal::SIGKILL).expect("it runs");
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_given_up() {
    let (_folder, provider) = script("exec sleep 600");
    let limit = Duration::from_millis(100);
    let why = provider.call("add", "a", "b", limit).await.expect_err("it is late");
    assert!(why.ends_with("/dns has not ended within 0.1 s, and is killed"), "{why}");
}

#[tokio::test]
async fn a_program_is_killed_with_what_it_started_if_nobody_waits_for_it_any_more() {
    let (folder, provider) = script("sleep 600 > \"$(dirname \"$0\")/fifo\" & wait");
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a fifo");
    let call = tokio::spawn(async move { provider.call("add", "a", "b", LONG).await });
    // It opens once both ends are open, and ends once nobody holds the other.
    let file = tokio::task::spawn_blocking(move || fs::File::open(fifo)).await.expect("no panic");
    call.abort();
    let end = tokio::task::spawn_blocking(move || io::read_to_string(file.expect("a fifo")));
    tokio::time::timeout(LONG, end).await.expect("both are killed").expect("no panic").expect("an end");
}

#[test]
fn a_group_is_killed_by_its_guard_or_by_who_starts_it() {
    let mut child = Command::new("sleep").arg("600").process_group(0).spawn().expect("a process");
    let group = Pid::from_raw(child.id().try_into().expect("a number"));
    let (started, known) = oneshot::channel();
    started.send(group).expect("somebody waits");
    drop(GroupGuard(Some(known)));
    assert_eq!(child.wait().expect("an end").signal(), Some(9));
    let (started, unknown) = oneshot::channel();
    drop(GroupGuard(Some(unknown)));
    assert_eq!(started.send(group), Err(group), "who starts it learns that nobody waits any more");
}

#[test]
fn a_program_that_is_not_there_is_a_mistake() {
    let told = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        Report::told(|report| CommandProvider::compile(&words, report).is_some())
    };
    assert_eq!(told(&["sh", "-c"]), (true, vec![]));
    let (_, wrong) = told(&[]);
    assert_eq!(wrong, ["command: it is empty: write the path of a program, such as \"bin/dns\""]);
    let (_, wrong) = told(&["/etc/passwd"]);
    assert_eq!(wrong, ["command: there is no program \"/etc/passwd\": write the path of a file that can be run"]);
    let (_, wrong) = told(&["no-such-program"]);
    let place = "in the folders of PATH: write the path of a file that can be run";
    assert_eq!(wrong, [format!("command: there is no program \"no-such-program\" {place}")]);
    let (_, wrong) = told(&["sh", "a\0b"]);
    assert_eq!(wrong, ["command: \"a\\0b\" has a NUL byte in it: leave it out"]);
}

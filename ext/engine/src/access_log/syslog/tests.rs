use std::os::unix::net::UnixDatagram as StdDatagram;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

fn daemon(path: &Path) -> StdDatagram {
    let daemon = StdDatagram::bind(path).expect("a socket");
    daemon.set_read_timeout(Some(LIMIT)).expect("a limit");
    daemon
}

fn received(daemon: &StdDatagram) -> String {
    let mut memory = vec![0; 64 * 1024];
    let n = daemon.recv(&mut memory).expect("a message");
    String::from_utf8(memory[..n].to_vec()).expect("UTF-8")
}

fn at(path: &Path) -> SyslogAddress {
    SyslogAddress::parse(&format!("unixgram:{}", path.display())).expect("an address")
}

#[test]
fn addresses_are_read_and_mistakes_say_what_to_write() {
    for (text, address) in [
        ("unixgram:/dev/log", SyslogAddress::Unix("/dev/log".into())),
        ("udp:127.0.0.1:514", SyslogAddress::Udp(([127, 0, 0, 1], 514).into())),
        ("udp:[::1]:514", SyslogAddress::Udp(([0, 0, 0, 0, 0, 0, 0, 1], 514).into())),
    ] {
        let read = SyslogAddress::parse(text);
        assert_eq!(read, Ok(address));
        assert_eq!(read.map(|address| address.to_string()), Ok(format!("syslog:{text}")));
    }
    let remedy = "write syslog:unixgram:/dev/log or syslog:udp:127.0.0.1:514";
    for (text, wrong) in [
        ("unixgram:log", "\"log\" is no whole path"),
        ("udp:localhost:514", "\"localhost:514\" is no address with a port"),
        ("udp:127.0.0.1", "\"127.0.0.1\" is no address with a port"),
        ("udp:127.0.0.1:0", "\"127.0.0.1:0\" is no address with a port"),
        ("tcp:127.0.0.1:514", "\"syslog:tcp:127.0.0.1:514\" is unknown"),
        ("", "\"syslog:\" is unknown"),
    ] {
        assert_eq!(SyslogAddress::parse(text), Err(format!("{wrong}: {remedy}")));
    }
}

#[test]
fn each_line_is_one_message_of_rfc_5424() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let daemon = daemon(&path);
    let (mut syslog, reached) = Syslog::connect(at(&path));
    reached.expect("a daemon");
    syslog.write(b"GET / 200\n{\"path\":\"/b\"}\n").expect("sent");
    let message = received(&daemon);
    let parts: Vec<_> = message.splitn(8, ' ').collect();
    assert_eq!(parts[0], "<190>1");
    assert!(parts[1].len() == 24 && parts[1].ends_with('Z') && parts[1].as_bytes()[10] == b'T', "{message}");
    assert!(!parts[2].is_empty(), "{message}");
    assert_eq!(parts[3..], ["proxy", &std::process::id().to_string(), "access", "-", "GET / 200"]);
    assert!(received(&daemon).ends_with(" access - {\"path\":\"/b\"}"));
}

#[test]
fn a_long_line_is_cut_before_a_character() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let daemon = daemon(&path);
    let (mut syslog, _) = Syslog::connect(at(&path));
    for begin in ["", "a"] {
        syslog.write(format!("{begin}{}\n", "é".repeat(LONGEST)).as_bytes()).expect("sent");
        let message = received(&daemon);
        assert!((LONGEST - 1..=LONGEST).contains(&message.len()) && message.ends_with('é'), "{}", message.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_restarted_gets_the_next_lines() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let first = daemon(&path);
    let (mut syslog, _) = Syslog::connect(at(&path));
    syslog.write(b"one\n").expect("sent");
    assert!(received(&first).ends_with(" one"));
    drop(first);
    std::fs::remove_file(&path).expect("gone");
    let lost = syslog.write(b"two\nthree\n").expect_err("nobody is there");
    assert_eq!(lost.count, 2);
    assert_eq!(lost.why.to_string(), format!("{}: No such file or directory (os error 2)", at(&path)));
    let second = daemon(&path);
    assert_eq!(syslog.write(b"four\n").map_err(|lost| lost.count), Err(1), "it is not tried all the time");
    tokio::time::advance(PAUSE).await;
    syslog.write(b"five\n").expect("sent");
    assert!(received(&second).ends_with(" five"));
    drop(second);
    std::fs::remove_file(&path).expect("gone");
    let third = daemon(&path);
    syslog.write(b"six\n").expect("connected anew at once");
    assert!(received(&third).ends_with(" six"));
}

#[test]
fn a_daemon_that_does_not_read_is_not_waited_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let _silent = daemon(&path);
    let (mut syslog, _) = Syslog::connect(at(&path));
    let lines = "x\n".repeat(100_000);
    let begun = Instant::now();
    let lost = syslog.write(lines.as_bytes()).expect_err("no reader");
    assert!(lost.count > 90_000, "{lost:?}");
    assert_eq!(lost.why.to_string(), format!("{} does not read", at(&path)));
    assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
}

#[test]
fn udp_is_spoken_too() {
    let daemon = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    daemon.set_read_timeout(Some(LIMIT)).expect("a limit");
    let (mut syslog, reached) = Syslog::connect(SyslogAddress::Udp(daemon.local_addr().expect("an address")));
    reached.expect("a socket");
    syslog.write(b"one\n").expect("sent");
    let mut memory = [0; 1_000];
    let n = daemon.recv(&mut memory).expect("a message");
    assert!(memory[..n].starts_with(b"<190>1 ") && memory[..n].ends_with(b" access - one"));
}

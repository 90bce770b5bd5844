use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use tokio::io::AsyncReadExt;

use super::*;

/// A single test, because a hold is process-wide.
#[test]
fn a_hold_stops_the_engines_and_knows_their_sockets_and_no_others() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a client");
    let (server, _) = listener.accept().expect("a connection");
    let watched = client.as_raw_fd();
    let (turns, turned) = std::sync::mpsc::channel();
    let engine = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            tokio::spawn(Stopping::new().run());
            client.set_nonblocking(true).expect("non-blocking");
            let mut client = tokio::net::TcpStream::from_std(client).expect("a stream");
            let mut byte = [0];
            while client.read_exact(&mut byte).await.is_ok() {
                let _ = turns.send(());
            }
        });
    });
    let turn = || {
        (&server).write_all(b"x").expect("written");
        turned.recv_timeout(Duration::from_secs(20))
    };
    turn().expect("the engine works");
    let on_its_way = OnItsWay::new(&listener);

    let hold = Hold::take().expect("an engine");
    let is_theirs = |hold: &Hold, fd| Descriptor::of(fd).is_some_and(|descriptor| hold.theirs.contains(&descriptor));
    assert!(is_theirs(&hold, watched) && is_theirs(&hold, listener.as_raw_fd()), "{:?}", hold.theirs);
    (&server).write_all(b"x").expect("written");
    assert!(turned.recv_timeout(Duration::from_millis(50)).is_err(), "the engine works on");
    assert!(!is_theirs(&hold, server.as_raw_fd()));
    hold.go_on_in_parent();

    turned.recv_timeout(Duration::from_secs(20)).expect("the engine goes on");
    turn().expect("the engine goes on");
    drop(on_its_way);
    let hold = Hold::take().expect("an engine");
    assert!(!is_theirs(&hold, listener.as_raw_fd()));
    hold.go_on_in_parent();
    drop(server);
    engine.join().expect("an end");
}

//! HTTP/2 from clients: what waits in the system for a client that reads slowly.

use crate::support::{pattern, Frame, Gate, Origin, Proxy, RawHttp2};

/// More than the buffers of the system have room for.
const LARGE: usize = 20_000_000;
/// The identifier of SETTINGS_INITIAL_WINDOW_SIZE, and the largest window.
const WINDOW: (u16, u32) = (4, (1 << 31) - 1);

fn large() -> Origin {
    Origin::start(|_, peer| {
        while peer.try_head().is_some() {
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
            if peer.try_send(pattern(LARGE)).is_err() {
                return;
            }
        }
    })
}

fn impatient(origin: &Origin) -> Proxy {
    Proxy::with(&[&origin.address()], |settings| settings.server.client_body_timeout.value = 0.5)
}

/// Enlarges the window of a stream, or of the connection.
fn enlarge(client: &mut RawHttp2, stream: u32) {
    client.send(Frame::new(Frame::WINDOW_UPDATE, 0, stream, ((1_u32 << 31) - 100_000).to_be_bytes()));
}

#[test]
fn a_stream_lives_while_its_connection_moves_and_no_longer_than_its_own_bytes() {
    let origin = large();
    let proxy = impatient(&origin);
    let mut client = RawHttp2::over(proxy.narrow_client(), &[(WINDOW.0, 0)]);
    enlarge(&mut client, 0);
    client.get(1, "/never-taken");
    client.get(3, "/slowly");
    enlarge(&mut client, 3);
    let (mut taken, mut reset_at) = (0, None);
    while taken < LARGE {
        let frame = client.next().expect("the connection goes on");
        match (frame.kind, frame.stream) {
            (Frame::DATA, 3) => taken += frame.payload.len(),
            (Frame::RST_STREAM, 1) => reset_at = Some(taken),
            (Frame::HEADERS | Frame::SETTINGS | Frame::WINDOW_UPDATE, _) => {}
            _ => panic!("{frame:?}"),
        }
        if reset_at.is_none() || taken < 1_500_000 {
            // Slower than the system tells of room, and faster than the limit.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
    assert!(reset_at.is_some(), "a stream whose window stays closed is cut");
}

#[test]
fn a_client_that_reads_nothing_at_all_loses_its_response() {
    let (over, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        assert!(peer.try_send(pattern(LARGE)).is_err(), "nobody takes that");
        over.open();
    });
    let proxy = impatient(&origin);
    let mut client = RawHttp2::over(proxy.narrow_client(), &[WINDOW]);
    enlarge(&mut client, 0);
    client.get(1, "/");
    gate.wait_until("the backend is let go");
    let mut taken = 0;
    // The connection stays if the client reads before its own time is over.
    while let Some(frame) = client.next().filter(|frame| frame.kind != Frame::RST_STREAM) {
        taken += frame.payload.len();
    }
    assert!(taken < LARGE, "{taken} bytes");
}

#[test]
fn a_stream_that_is_quiet_by_design_stays() {
    let (next, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        let request = peer.head();
        let kind = if request.target() == "/events" { "text/event-stream" } else { "text/plain" };
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"));
        gate.wait_until("the limit has passed");
        peer.send("3\r\ntwo\r\n0\r\n\r\n");
    });
    let proxy = impatient(&origin);
    for target in ["/events", "/other"] {
        let mut client = RawHttp2::connect(&proxy);
        client.get(1, target);
        assert_eq!(client.next_of(Frame::DATA).payload, b"one");
        std::thread::sleep(std::time::Duration::from_millis(1_200));
        next.open();
        assert_eq!(client.next_of(Frame::DATA).payload, b"two");
    }
}

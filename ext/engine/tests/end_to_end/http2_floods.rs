//! Clients that use HTTP/2 to hurt: each attack ends with its connection, in time and in words, and takes no memory to
//! speak of.

use crate::support::{block, eventually, has_own_process, write_length, End, Frame, Origin, Proxy, RawHttp2};

const PROTOCOL_ERROR: u32 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Nobody is asked: there is no backend.
fn alone() -> Proxy {
    Proxy::with(&["127.0.0.1:1"], |_| ())
}

/// Sends `frames` over and over until the connection is closed: with GOAWAY and this code, after no more than `most`
/// bytes were taken. The memory of this process, proxy included, grows by less than 16 MiB meanwhile.
fn flood(proxy: &Proxy, frames: &[Frame], most: usize, code: u32) {
    let mut client = RawHttp2::connect(proxy);
    let once: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
    let piece = once.repeat((16 * 1024 / once.len()).max(1));
    flood_with(&mut client, most, code, |writer| writer.try_send(&piece).map(|()| piece.len()));
}

fn flood_with(
    client: &mut RawHttp2,
    most: usize,
    code: u32,
    mut send: impl FnMut(&mut crate::support::Peer) -> std::io::Result<usize> + Send,
) {
    let before = resident();
    let mut writer = client.peer.writer();
    std::thread::scope(|scope| {
        let flooding = scope.spawn(move || {
            let mut sent = 0;
            while sent < 100_000_000 {
                match send(&mut writer) {
                    Ok(n) => sent += n,
                    Err(_) => break,
                }
            }
            sent
        });
        let told = client.next_of(Frame::GOAWAY);
        assert_eq!(told.code(), code, "{told:?}");
        // It may be over already.
        let _ = client.peer.stream().shutdown(std::net::Shutdown::Both);
        let sent = flooding.join().expect("the flood");
        // What the systems between hold is on its way.
        assert!(sent < most + 8_000_000, "{sent} bytes were sent before the end");
    });
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes of memory were taken");
}

/// Bytes of memory that this process holds.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = status.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4096
}

#[test]
fn frames_that_ask_for_nothing_are_a_flood_at_some_point() {
    if !has_own_process() {
        return;
    }
    let proxy = alone();
    for (what, frame) in [
        ("PING", Frame::new(Frame::PING, 0, 0, [0; 8])),
        ("PING that answers nothing", Frame::new(Frame::PING, Frame::ACK, 0, [0; 8])),
        ("SETTINGS", Frame::new(Frame::SETTINGS, 0, 0, [])),
        ("SETTINGS that change the size of windows", Frame::new(Frame::SETTINGS, 0, 0, [0, 4, 0, 0, 255, 255])),
        ("PRIORITY", Frame::new(Frame::PRIORITY, 0, 1, [0, 0, 0, 0, 16])),
        ("WINDOW_UPDATE of nothing much", Frame::new(Frame::WINDOW_UPDATE, 0, 0, 1u32.to_be_bytes())),
        ("an unknown kind", Frame::new(0xfa, 0, 0, [0; 16])),
        ("an unknown kind, large", Frame::new(0xfa, 0, 1, [0; 16_000])),
    ] {
        eprintln!("{what}");
        flood(&proxy, &[frame], 40_000_000, ENHANCE_YOUR_CALM);
    }
    eventually("every connection is closed", || proxy.server.stats().connections.active == 0);
}

#[test]
fn requests_that_are_taken_back_at_once_are_a_flood_at_some_point() {
    if !has_own_process() {
        return;
    }
    let proxy = alone();
    let mut client = RawHttp2::connect(&proxy);
    let mut stream = 1;
    // All at once: they are not even begun.
    flood_with(&mut client, 1_000_000, ENHANCE_YOUR_CALM, |writer| {
        let mut piece = Vec::new();
        for _ in 0..100 {
            piece.extend(get(stream).bytes());
            piece.extend(Frame::new(Frame::RST_STREAM, 0, stream, 8u32.to_be_bytes()).bytes());
            stream += 2;
        }
        writer.try_send(&piece).map(|()| piece.len())
    });
}

#[test]
fn requests_that_are_taken_back_one_by_one_reach_few_backends() {
    let origin = Origin::start(|_, peer| {
        peer.rest();
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    client.next_of(Frame::SETTINGS);
    let mut sent = 0;
    for number in 0..10_000u32 {
        let stream = number * 2 + 1;
        let done = client.peer.try_send(get(stream).bytes()).is_ok();
        // Waits until the request was read.
        let ping = client.peer.try_send(Frame::new(Frame::PING, 0, 0, [0; 8]).bytes());
        if !done || ping.is_err() {
            break;
        }
        match std::iter::from_fn(|| client.next()).find(|frame| matches!(frame.kind, Frame::PING | Frame::GOAWAY)) {
            Some(frame) if frame.kind == Frame::PING => {}
            Some(frame) => {
                assert_eq!(frame.code(), ENHANCE_YOUR_CALM);
                sent = number;
                break;
            }
            None => panic!("closed without a word"),
        }
        let _ = client.peer.try_send(Frame::new(Frame::RST_STREAM, 0, stream, 8u32.to_be_bytes()).bytes());
    }
    assert!((150..1_000).contains(&sent), "{sent} requests were taken back");
}

fn get(stream: u32) -> Frame {
    RawHttp2::head(stream, &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")])
}

#[test]
fn requests_that_make_the_proxy_reset_them_are_a_flood_at_some_point() {
    if !has_own_process() {
        return;
    }
    let proxy = alone();
    let mut client = RawHttp2::connect(&proxy);
    let mut stream = 1;
    flood_with(&mut client, 1_000_000, ENHANCE_YOUR_CALM, |writer| {
        let mut piece = Vec::new();
        for _ in 0..100 {
            piece.extend(get(stream).bytes());
            // Its window becomes larger than a window can be.
            piece.extend(Frame::new(Frame::WINDOW_UPDATE, 0, stream, 0x7fff_ffffu32.to_be_bytes()).bytes());
            stream += 2;
        }
        writer.try_send(&piece).map(|()| piece.len())
    });
}

#[test]
fn a_head_without_an_end_is_given_up() {
    if !has_own_process() {
        return;
    }
    let proxy = alone();
    for (what, piece) in [("empty pieces", vec![]), ("large ones", block(&[("x", &"a".repeat(10_000))]))] {
        eprintln!("{what}");
        let mut client = RawHttp2::connect(&proxy);
        client.send(Frame::new(Frame::HEADERS, 0, 1, block(&[(":method", "GET")])));
        let frame = Frame::new(Frame::CONTINUATION, 0, 1, piece).bytes();
        flood_with(&mut client, 2_000_000, ENHANCE_YOUR_CALM, |writer| writer.try_send(&frame).map(|()| frame.len()));
    }
}

#[test]
fn a_small_head_that_unfolds_to_a_huge_one_is_given_up() {
    if !has_own_process() {
        return;
    }
    let proxy = alone();
    let mut client = RawHttp2::connect(&proxy);
    // An entry of 4000 bytes for the table, and references of one byte to it.
    let mut bomb = block(&[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")]);
    bomb.push(0x40);
    bomb.extend([1, b'x']);
    write_length(&mut bomb, 4_000);
    bomb.extend(vec![b'a'; 4_000]);
    bomb.extend(vec![0xbe; 12_000]);
    let before = resident();
    client.send(Frame::new(Frame::HEADERS, Frame::END_STREAM | Frame::END_HEADERS, 1, bomb));
    client.expect_go_away(ENHANCE_YOUR_CALM);
    assert!(resident().saturating_sub(before) < 16 << 20);
}

#[test]
fn more_streams_than_allowed_are_refused_and_many_more_end_the_connection() {
    let origin = Origin::start(|_, peer| {
        peer.rest();
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    client.next_of(Frame::SETTINGS);
    client.send(Frame::new(Frame::SETTINGS, Frame::ACK, 0, []));
    for number in 0..130 {
        client.send(get(number * 2 + 1));
    }
    for stream in [257, 259] {
        let reset = client.next_of(Frame::RST_STREAM);
        assert_eq!((reset.stream, reset.code()), (stream, 7));
    }
    eventually("the others wait for their answers", || proxy.server.stats().requests.in_flight == 128);
    for number in 130..1_000 {
        let _ = client.peer.try_send(get(number * 2 + 1).bytes());
    }
    client.expect_go_away(ENHANCE_YOUR_CALM);
    eventually("all is let go", || proxy.server.stats().requests.in_flight == 0);
}

#[test]
fn a_client_that_reads_nothing_is_not_kept_for_ever() {
    let origin =
        Origin::answering(|_| format!("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{}", "a".repeat(60_000)));
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.client_body_timeout.value = 0.5);
    // Windows of every size, and a socket that is never read: all responses are finished for the proxy.
    let mut client = RawHttp2::over(proxy.narrow_client(), &[(4, 0x7fff_ffff)]);
    client.send(Frame::new(Frame::WINDOW_UPDATE, 0, 0, 0x7000_0000u32.to_be_bytes()));
    for number in 0..128 {
        client.send(get(number * 2 + 1));
    }
    eventually("the requests are there", || proxy.server.stats().requests.total >= 1);
    eventually("the connection is closed", || proxy.server.stats().connections.active == 0);
}

#[test]
fn a_window_that_is_taken_back_keeps_nothing_for_ever() {
    let origin =
        Origin::answering(|_| format!("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{}", "a".repeat(60_000)));
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.keepalive_timeout.value = 0.3;
        settings.server.client_body_timeout.value = 0.5;
    });
    let mut client = RawHttp2::over(proxy.client(), &[(4, 1_000)]);
    for number in 0..20 {
        client.send(get(number * 2 + 1));
        client.send(Frame::new(Frame::SETTINGS, 0, 0, [0, 4, 0, 0, 0, (number % 2) as u8]));
    }
    eventually("the connection is closed", || proxy.server.stats().connections.active == 0);
}

#[test]
fn frames_that_break_the_protocol_end_the_connection() {
    let proxy = alone();
    for (what, frame, code) in [
        ("DATA of no stream", Frame::new(Frame::DATA, 0, 0, "x"), PROTOCOL_ERROR),
        ("a frame that is too large", Frame::new(Frame::DATA, 0, 1, [0; 20_000]), 6),
        ("CONTINUATION of nothing", Frame::new(Frame::CONTINUATION, 0, 1, []), PROTOCOL_ERROR),
        ("PING of the wrong size", Frame::new(Frame::PING, 0, 0, [0; 7]), PROTOCOL_ERROR),
        ("a stream of an even number", get(2), PROTOCOL_ERROR),
        ("PUSH_PROMISE", Frame::new(5, 4, 1, [0, 0, 0, 2]), PROTOCOL_ERROR),
        ("an index that HPACK does not know", Frame::new(Frame::HEADERS, 5, 1, [0xff, 0xff, 0x03]), PROTOCOL_ERROR),
    ] {
        eprintln!("{what}");
        let mut client = RawHttp2::connect(&proxy);
        client.next_of(Frame::SETTINGS);
        client.send(frame);
        let told = client.next_of(Frame::GOAWAY);
        assert_eq!(told.code(), code, "{what}");
        assert_eq!(client.peer.rest().1, End::Closed, "{what}");
    }
}

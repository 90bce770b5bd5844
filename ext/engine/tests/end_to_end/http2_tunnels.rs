//! Tunnels through streams of HTTP/2 (RFC 8441), to backends that know WebSockets over HTTP/1.1 alone.

use std::sync::mpsc::channel;

use crate::support::{block, End, Frame, Message, Origin, Peer, Proxy, RawHttp2, Reply, PATIENCE};

/// Answers the handshake of a WebSocket as its RFC says.
fn accept(peer: &mut Peer, request: &Message) {
    use base64::Engine as _;
    let key = request.get("Sec-WebSocket-Key").expect("a key").to_owned();
    let hashed = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, hashed.as_bytes());
    let proof = base64::engine::general_purpose::STANDARD.encode(digest);
    peer.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {proof}\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    ));
}

/// Asks for a tunnel on stream 1, which stays open.
fn ask(client: &mut RawHttp2, protocol: &str) {
    let fields = [
        (":method", "CONNECT"),
        (":protocol", protocol),
        (":scheme", "http"),
        (":path", "/chat"),
        (":authority", "a"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
    ];
    client.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS, 1, block(&fields)));
}

/// The status of the response whose head comes next: `h2` writes it as its first field.
fn status(client: &mut RawHttp2) -> (u16, String) {
    let head = client.next_of(Frame::HEADERS);
    let text = String::from_utf8_lossy(&head.payload).into_owned();
    let status = match head.payload[0] {
        0x88 => 200,
        0x8d => 404,
        0x8c => 400,
        _ => {
            let literal = &head.payload[2..];
            match literal[0] {
                // Huffman-coded digits.
                0x82 if literal[1..3] == [0x6c, 0x01] => 502,
                _ => 0,
            }
        }
    };
    (status, text)
}

#[test]
fn a_websocket_over_a_stream_is_one_over_a_connection_to_the_backend() {
    let origin = Origin::start(|_, peer| {
        let request = peer.head();
        assert_eq!(request.start, "GET /chat HTTP/1.1");
        assert_eq!((request.get("Connection"), request.get("Upgrade")), (Some("upgrade"), Some("websocket")));
        assert_eq!(request.get("Sec-WebSocket-Version"), Some("13"));
        assert!(!request.has("Content-Length") && !request.has("Transfer-Encoding"), "{request:?}");
        accept(peer, &request);
        assert_eq!(peer.read(5), b"early");
        peer.send("hello");
        assert_eq!(peer.rest(), (b"bye".to_vec(), End::Closed));
        peer.send("one more thing");
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    ask(&mut client, "websocket");
    // Before the tunnel is there.
    client.send(Frame::new(Frame::DATA, 0, 1, "early"));
    let (status, fields) = status(&mut client);
    assert_eq!(status, 200);
    assert!(!fields.contains("accept"), "{fields:?}");
    assert_eq!(client.next_of(Frame::DATA).payload, b"hello");
    client.send(Frame::new(Frame::DATA, Frame::END_STREAM, 1, "bye"));
    assert_eq!(client.next_of(Frame::DATA).payload, b"one more thing");
    assert_eq!(client.next_of(Frame::DATA).flags & Frame::END_STREAM, Frame::END_STREAM);
    assert_eq!(proxy.server.stats().requests.status_2xx, 1);
    client.get(3, "/");
    drop(origin);
}

#[test]
fn the_other_side_of_a_tunnel_may_end_first() {
    let origin = Origin::start(|_, peer| {
        let request = peer.head();
        accept(peer, &request);
        peer.send("the end");
        peer.half_close();
        assert_eq!(peer.rest(), (b"one more thing".to_vec(), End::Closed));
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    ask(&mut client, "websocket");
    assert_eq!(status(&mut client).0, 200);
    assert_eq!(client.next_of(Frame::DATA).payload, b"the end");
    assert_eq!(client.next_of(Frame::DATA).flags & Frame::END_STREAM, Frame::END_STREAM);
    client.send(Frame::new(Frame::DATA, Frame::END_STREAM, 1, "one more thing"));
    proxy.server.begin_stop(Some(PATIENCE));
    assert!(proxy.server.wait(Some(PATIENCE)));
}

#[test]
fn a_tunnel_that_the_backend_refuses_gets_its_answer() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(Reply::of("404 Not Found", "none"));
        peer.rest();
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    ask(&mut client, "websocket");
    assert_eq!(status(&mut client).0, 404);
    let data = client.next_of(Frame::DATA);
    assert_eq!((data.payload.as_slice(), data.flags & Frame::END_STREAM), (&b"none"[..], Frame::END_STREAM));
    let reset = client.next_of(Frame::RST_STREAM);
    assert_eq!((reset.stream, reset.code()), (1, 0), "it is to send nothing more");
}

#[test]
fn what_would_look_like_a_tunnel_and_is_none_is_an_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: wrong\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n",
    ] {
        let origin = Origin::start(move |_, peer| {
            peer.head();
            peer.send(answer);
            peer.rest();
        });
        let proxy = Proxy::before(&origin);
        let mut client = RawHttp2::connect(&proxy);
        ask(&mut client, "websocket");
        client.next_of(Frame::HEADERS);
        let stats = proxy.server.stats().requests;
        assert_eq!((stats.status_2xx, stats.status_5xx), (0, 1), "{answer}");
    }
}

#[test]
fn any_protocol_but_http_may_be_asked_for() {
    let origin = Origin::start(|_, peer| {
        let request = peer.head();
        assert_eq!((request.get("Upgrade"), request.has("Sec-WebSocket-Key")), (Some("connect-udp"), false));
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: connect-udp\r\n\r\n");
        peer.rest();
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    ask(&mut client, "connect-udp");
    assert_eq!(status(&mut client).0, 200);
    client.send(Frame::new(Frame::DATA, Frame::END_STREAM, 1, ""));

    let mut client = RawHttp2::connect(&proxy);
    ask(&mut client, "h2c");
    client.next_of(Frame::HEADERS);
    assert_eq!(proxy.server.stats().requests.status_4xx, 1);
}

#[test]
fn a_silent_tunnel_is_reset_and_its_connection_goes_on() {
    let origin = Origin::start(|number, peer| {
        let request = peer.head();
        if number > 0 {
            return peer.send(Reply::ok("ok"));
        }
        accept(peer, &request);
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.tunnel_timeout = 0.3);
    let mut client = RawHttp2::connect(&proxy);
    ask(&mut client, "websocket");
    assert_eq!(status(&mut client).0, 200);
    assert_eq!(client.next_of(Frame::RST_STREAM).stream, 1);
    client.get(3, "/");
    assert_eq!(client.next_of(Frame::DATA).payload, b"ok");
}

#[test]
fn a_tunnel_takes_no_more_than_the_other_side_does() {
    let (sender, sent) = channel();
    let origin = Origin::start(move |_, peer| {
        let request = peer.head();
        accept(peer, &request);
        let socket = socket2::SockRef::from(peer.stream());
        socket.set_send_buffer_size(64 * 1024).expect("a small buffer");
        socket.set_write_timeout(Some(std::time::Duration::from_millis(300))).expect("a limit");
        let taken = (0..6_000).take_while(|_| peer.try_send([7; 16 * 1024]).is_ok()).count();
        sender.send(taken * 16).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    ask(&mut client, "websocket");
    assert_eq!(status(&mut client).0, 200);
    let taken = sent.recv_timeout(PATIENCE).expect("the backend is stopped");
    assert!(taken < 8_000, "{taken} KiB for a client whose window is 64");
}

#[test]
fn a_client_that_resets_a_tunnel_it_has_half_closed_frees_the_backend() {
    let (sender, gone) = channel();
    let origin = Origin::start(move |_, peer| {
        let request = peer.head();
        accept(peer, &request);
        assert_eq!(peer.rest().0, b"");
        crate::support::eventually("the backend is let go", || peer.try_send("x").is_err());
        sender.send(()).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::over(proxy.client(), &[(4, 0)]);
    ask(&mut client, "websocket");
    assert_eq!(status(&mut client).0, 200);
    client.send(Frame::new(Frame::DATA, Frame::END_STREAM, 1, ""));
    client.send(Frame::new(Frame::RST_STREAM, 0, 1, 8u32.to_be_bytes()));
    gone.recv_timeout(PATIENCE).expect("it is let go");
}

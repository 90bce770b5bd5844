//! Places of client connections: idle ones make room for others, busy ones and silent newcomers do not.

use std::time::{Duration, Instant};

use proxy_engine::config::Setting;

use crate::support::{eventually, Frame, Origin, Proxy, RawHttp2};

fn with_places(origin: &Origin, count: i64, threads: i64) -> Proxy {
    Proxy::with(&[&origin.address()], |settings| {
        settings.server.max_connections = Setting::of(count);
        settings.server.threads = Some(Setting::of(threads));
    })
}

#[test]
fn the_connection_that_has_been_idle_longest_makes_room_on_whichever_thread() {
    let origin = Origin::echoing_targets();
    // They go to both threads in turn.
    let proxy = with_places(&origin, 6, 2);
    let mut clients: Vec<_> = (0..6).map(|_| proxy.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/a").status(), 200);
    }
    // A client has its answer a moment before the thread takes the connection for an idle one. With the answers to the
    // last two, which are on different threads, both have done so with all those before.
    for used in [0, 4, 5] {
        assert_eq!(clients[used].get("/b").status(), 200);
    }
    for _ in 0..3 {
        let mut new = proxy.client();
        assert_eq!(new.get("/new").status(), 200);
        clients.push(new);
    }
    for old in &mut clients[1..4] {
        old.expect_end();
    }
    for stays in [0, 4, 5, 6, 7, 8] {
        assert_eq!(clients[stays].get("/c").status(), 200, "{stays}");
    }
}

#[test]
fn a_connection_with_a_request_in_flight_is_left_alone() {
    let origin = Origin::start(|_, peer| {
        peer.rest();
    });
    let proxy = with_places(&origin, 2, 1);
    let (mut one, mut two) = (proxy.client(), proxy.client());
    one.send_get("/");
    two.send_get("/");
    eventually("both are served", || proxy.server.stats().requests.in_flight == 2);
    let mut third = proxy.client();
    third.send_get("/");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(proxy.server.stats().requests.in_flight, 2, "the third waits");
    one.reset();
    eventually("the third takes the place of one that left", || proxy.server.stats().connections.accepted == 3);
    eventually("it is served", || proxy.server.stats().requests.in_flight == 2);
}

#[test]
fn one_that_says_nothing_displaces_nobody() {
    let origin = Origin::echoing_targets();
    let proxy = with_places(&origin, 1, 1);
    let mut served = proxy.client();
    assert_eq!(served.get("/a").status(), 200);
    let mut silent = proxy.client();
    silent.expect_end();
    assert_eq!(served.get("/b").status(), 200);
    assert_eq!(proxy.server.stats().connections.accepted, 1);
}

#[test]
fn what_newcomers_ask_is_answered_however_few_the_places() {
    let origin = Origin::echoing_targets();
    let proxy = with_places(&origin, 1, 1);
    // All at once: most get a place when what they ask has come already, and nobody has looked.
    let mut clients: Vec<_> = (0..40).map(|_| proxy.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send_get(&format!("/{number}"));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.response().text(), format!("/{number}"));
    }
}

#[test]
fn connections_that_never_said_anything_make_room() {
    let origin = Origin::echoing_targets();
    let proxy = with_places(&origin, 2, 1);
    let mut silent = [proxy.client(), proxy.client()];
    eventually("they have places", || proxy.server.stats().connections.active == 2);
    assert_eq!(proxy.client().get("/a").status(), 200);
    silent[0].expect_end();
}

#[test]
fn an_idle_connection_of_http2_is_told_before_it_makes_room() {
    let origin = Origin::echoing_targets();
    let proxy = with_places(&origin, 1, 1);
    let mut idle = RawHttp2::connect(&proxy);
    idle.next_of(Frame::SETTINGS);
    // What asks for nothing makes nobody busy.
    idle.send(Frame::new(Frame::PING, 0, 0, [7; 8]));
    idle.next_of(Frame::PING);
    let mut new = proxy.client();
    assert_eq!(new.get("/a").status(), 200);
    assert_eq!(idle.next_of(Frame::GOAWAY).code(), 0);
}

#[test]
fn an_idle_connection_of_http2_that_pings_is_closed_after_keepalive_timeout() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.keepalive_timeout = Setting::of(0.5);
    });
    for frame in [
        Frame::new(Frame::PING, 0, 0, [0; 8]),
        Frame::new(Frame::SETTINGS, 0, 0, []),
        Frame::new(Frame::WINDOW_UPDATE, 0, 0, 1u32.to_be_bytes()),
        Frame::new(Frame::PRIORITY, 0, 1, [0, 0, 0, 0, 16]),
        Frame::new(0xfa, 0, 0, [0; 8]),
    ] {
        let mut client = RawHttp2::connect(&proxy);
        let mut writer = client.peer.writer();
        let pinging = std::thread::spawn(move || {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(10) && writer.try_send(frame.bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        assert_eq!(client.next_of(Frame::GOAWAY).code(), 0);
        drop(client);
        pinging.join().expect("an end");
    }
}

#[test]
fn a_head_of_http2_in_pieces_is_under_client_header_timeout() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.client_header_timeout = Setting::of(0.5);
    });
    let head =
        RawHttp2::head(1, &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")]).bytes();
    let mut client = RawHttp2::connect(&proxy);
    client.next_of(Frame::SETTINGS);
    client.peer.send(&head[..head.len() - 1]);
    let begun = Instant::now();
    assert_eq!(client.next_of(Frame::GOAWAY).code(), 11);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // One that is complete in time is served.
    let mut client = RawHttp2::connect(&proxy);
    client.next_of(Frame::SETTINGS);
    for byte in &head {
        client.peer.send([*byte]);
    }
    assert_eq!(client.next_of(Frame::HEADERS).stream, 1);
}

#[test]
fn fewer_places_after_a_reload_are_made_of_idle_connections() {
    let origin = Origin::echoing_targets();
    let proxy = with_places(&origin, 4, 2);
    let mut clients: Vec<_> = (0..4).map(|_| proxy.client()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/a").status(), 200));
    proxy.reload(&[&origin.address()], |settings| {
        settings.server.max_connections = Setting::of(1);
        settings.server.threads = Some(Setting::of(2));
    });
    // Those that are there stay, until somebody needs a place.
    clients.iter_mut().for_each(|client| assert_eq!(client.get("/b").status(), 200));
    let mut new = proxy.client();
    assert_eq!(new.get("/c").status(), 200);
    eventually("the others are closed", || proxy.server.stats().connections.active == 1);
}

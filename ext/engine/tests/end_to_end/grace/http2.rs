//! WebSockets over HTTP/2, on both sides.

use std::sync::mpsc::channel;

use super::{code, cut, expect_clean_end, hear, CLIENT_ANSWER, GOING_AWAY, HELLO};
use crate::support::{Frame, Http2Origin, Proxy, RawHttp2, PATIENCE};

/// Asks for a WebSocket on stream 1.
fn open_http2(client: &mut RawHttp2) {
    let fields =
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    let head = Frame { flags: Frame::END_HEADERS, ..RawHttp2::head(1, &fields) };
    client.send(head);
    client.next_of(Frame::HEADERS);
}

#[test]
fn a_client_of_http2_hears_goaway_at_once_and_a_close_when_the_grace_is_over() {
    let (done, told) = channel();
    let origin = Http2Origin::start(
        |builder| {
            builder.enable_connect_protocol();
        },
        move |mut exchange| {
            let done = done.clone();
            async move {
                let response = http::Response::builder().status(200).body(()).expect("a response");
                let mut body = exchange.response.send_response(response, false).expect("it leaves");
                body.send_data(HELLO.into(), false).expect("it leaves");
                let mut heard = Vec::new();
                let requests = exchange.request.body_mut();
                while let Some(Ok(data)) = requests.data().await {
                    heard.extend_from_slice(&data);
                    if !data.is_empty() && heard.len() == 8 {
                        body.send_data(GOING_AWAY.into(), true).expect("it leaves");
                    }
                }
                done.send(heard).expect("a listener");
            }
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.tunnel_grace.value = 0.5;
    });
    let mut client = RawHttp2::connect(&proxy);
    open_http2(&mut client);
    assert_eq!(client.next_of(Frame::DATA).payload, HELLO);
    proxy.server.begin_stop(Some(PATIENCE));
    let go_away = client.next_of(Frame::GOAWAY);
    assert_eq!(go_away.code(), 0);
    let close = client.next_of(Frame::DATA);
    assert_eq!((close.stream, &close.payload[..]), (1, GOING_AWAY));
    client.send(Frame::new(Frame::DATA, Frame::END_STREAM, 1, CLIENT_ANSWER));
    while client.next().is_some() {}
    assert_eq!(code(&hear(&told)), 1001);
    expect_clean_end(&proxy);
    assert_eq!(cut(&proxy), (0, 1, 0));
    drop(proxy);
}

use std::task::{Context, Poll, Waker};

use super::{nobody, Channel};
use crate::coding::{Coding, Encoder, EncoderOptions};

fn coded() -> Channel {
    let options = EncoderOptions { coding: Coding::Gzip, level: 1, jitter: false };
    let mut channel = nobody();
    channel.code(Encoder::begin(options, None).expect("a place"));
    channel
}

#[test]
fn a_turn_codes_so_much_and_then_lets_others_run() {
    let mut channel = coded();
    let cx = &mut Context::from_waker(Waker::noop());
    let data = [b'x'; 100_000];
    let mut taken = Vec::new();
    for _ in 0..4 {
        taken.push(match channel.poll_send(cx, &data) {
            Poll::Ready(n) => n.expect("no failure"),
            Poll::Pending => 0,
        });
    }
    assert_eq!(taken, [32_768, 0, 32_768, 0]);
    assert!(channel.poll_send(cx, &data[..10_000]).is_ready());
    assert!(!channel.is_flushed());
    assert!(channel.poll_flush(cx).is_ready());
    assert!(channel.is_flushed());
    assert!(matches!(channel.poll_send(cx, &data), Poll::Ready(Ok(32_768))), "a flush ends the turn");
}

#[test]
fn a_channel_is_itself_again_when_the_response_is_over() {
    let mut channel = coded();
    assert!(channel.is_coded() && channel.http1().is_some());
    channel
        .code(Encoder::begin(EncoderOptions { coding: Coding::Br, level: 1, jitter: false }, None).expect("a place"));
    channel.end_coding();
    assert!(matches!(channel, Channel::Http1(_)), "it was coded once");
    channel.end_coding();
    assert!(!channel.is_coded());
}

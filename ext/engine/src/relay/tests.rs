//! A client is not slow while its body is coded on a busy thread.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proxy_http::message::{Fields, Framing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::coding::{Coding, Encoder, EncoderOptions};
use crate::stream::memory::{Manners, Pipe};
use crate::stream::{Http1Connection, Stream};

/// Bytes of the body, in many turns of its coding.
const LENGTH: usize = 4_000_000;
const LIMIT: Duration = Duration::from_secs(60);
/// More than the coded body has in each second.
const RATE: Rate = Rate { least: 10_000, most: LIMIT };

fn pair() -> (Channel, Pipe) {
    let manners = Manners { delay: Default::default(), capacity: 100_000, piece: 50_000, keeps_unread: true };
    let (near, far) = Pipe::pair(manners, 1, &Arc::default());
    (Channel::Http1(Http1Connection::new(Stream::Memory(near))), far)
}

/// What `sending` results in with a client that takes all, while others keep the thread busy: each turn takes a second.
async fn on_a_busy_thread<T, F: Future<Output = T>>(sending: impl FnOnce(ClientChannel) -> F) -> T {
    let (mut channel, mut far) = pair();
    channel.http1().expect("HTTP/1.1").begin_body(Framing::UntilClose);
    let options = EncoderOptions { coding: Coding::Gzip, level: 1, jitter: false };
    channel.code(Encoder::begin(options, None).expect("a place"));
    let others = async {
        loop {
            tokio::task::yield_now().await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    };
    let taking = async {
        let mut taken = Vec::new();
        while far.read_buf(&mut taken).await.is_ok_and(|n| n > 0) {}
        std::future::pending::<()>().await;
    };
    tokio::select! {
        sent = sending(ClientChannel::new(channel)) => sent,
        () = others => unreachable!(),
        () = taking => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_are_coded_as_slowly_as_they_must() {
    let body = vec![b'x'; LENGTH];
    on_a_busy_thread(|mut client| async move { send_bytes(&mut client, &body, LIMIT, RATE).await })
        .await
        .expect("sent");
}

#[tokio::test(start_paused = true)]
async fn a_whole_body_is_coded_as_slowly_as_it_must() {
    let body = vec![b'x'; LENGTH];
    let sending = |mut client: ClientChannel| async move {
        client.channel.write_body(&body);
        flush(&mut client, LIMIT, RATE).await
    };
    on_a_busy_thread(sending).await.expect("sent");
}

/// A backend that sends the body at once.
fn backend() -> (Channel, impl Future<Output = ()>) {
    let (mut channel, mut far) = pair();
    channel.begin_reading(Framing::Length(LENGTH as u64));
    let sending = async move {
        far.write_all(&vec![b'x'; LENGTH]).await.expect("it is read");
        std::future::pending().await
    };
    (channel, sending)
}

#[tokio::test(start_paused = true)]
async fn a_response_is_passed_on_and_taken_in_as_slowly_as_it_must() {
    let limits = Limits {
        timeout: LIMIT,
        read: LIMIT * 1_000,
        write: LIMIT,
        client_read: LIMIT,
        client_write: LIMIT,
        half_close: None,
        rate: RATE,
        max_head: 0,
    };
    for held in [false, true] {
        let (mut channel, sending) = backend();
        let passing = |mut client: ClientChannel| async move {
            let (none, mut body) = (Fields::default(), RequestBody::new(Framing::None, true, 0));
            let heads = (&none, &none);
            if !held {
                let slow = |_: &Fields| panic!("the client is not slow");
                let passed = relay(&mut client, &mut channel, &mut body, heads, &limits, |_| (), slow).await;
                return passed.map(|_| ());
            }
            let rules = HoldRules { memory: 100_000, disk: None };
            let (mut held, mut pace) = (Held::new(&rules, &Rc::default()), Pace::default());
            take_in(&mut client, &mut channel, &mut body, heads, &limits, &mut held, &mut pace, |_| ()).await?;
            send_held(&mut client, held, pace, LIMIT, RATE).await
        };
        tokio::select! {
            passed = on_a_busy_thread(passing) => passed.expect("sent"),
            () = sending => unreachable!(),
        }
    }
}

//! `authorize`: rulings by key. Threads of the test stand in for those of Ruby.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use proxy_engine::blocks::{BlockArgument, BlockIndex, BlockQueue, BlockValue, NextCall, QueueWaiter};
use proxy_engine::configuration::{AuthorizeConfig, AuthorizeKey, Config, Directive, FilterConfig};
use proxy_engine::configuration::{LocationConfig, Match, StaticResponseConfig};

use crate::support::{eventually, http2, request, Origin, Proxy};

/// Threads that answer every call, each as soon as the gate lets it.
struct Ruby {
    queue: Arc<BlockQueue>,
    calls: Arc<AtomicUsize>,
    released: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Ruby {
    fn new(queue: &Arc<BlockQueue>, answer: fn(&str) -> BlockValue, gate: Option<Receiver<()>>) -> Self {
        let (calls, released): (Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let gate = gate.map(|gate| Arc::new(Mutex::new(gate)));
        let work = || {
            let (queue, gate) = (Arc::clone(queue), gate.clone());
            let (calls, released) = (Arc::clone(&calls), Arc::clone(&released));
            move || loop {
                match queue.next(&QueueWaiter::default(), false) {
                    NextCall::Call(mut call) => {
                        calls.fetch_add(1, SeqCst);
                        if let Some(gate) = &gate {
                            gate.lock().expect("no panic").recv().expect("an open gate");
                        }
                        let Some(BlockArgument::Bytes(request)) = call.take_argument() else { panic!("a request") };
                        call.answer(Ok(answer(&String::from_utf8_lossy(&request))));
                    }
                    NextCall::Release(sets) => drop(released.fetch_add(sets.len(), SeqCst)),
                    NextCall::Interrupted => {}
                    NextCall::End => return,
                }
            }
        };
        let threads = (0..2).map(|_| std::thread::spawn(work())).collect();
        Self { queue: Arc::clone(queue), calls, released, threads }
    }

    fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    fn end(self) -> usize {
        for thread in self.threads {
            thread.join().expect("no panic");
        }
        self.released.load(SeqCst)
    }
}

fn header_key() -> AuthorizeConfig {
    AuthorizeConfig { key: vec![AuthorizeKey::Header("X-Key".into())], ..AuthorizeConfig::default() }
}

/// A location for `/` with the filter. Everything else is forwarded without it.
fn protect(server: &mut Config, queue: &Arc<BlockQueue>, config: AuthorizeConfig) {
    let config = AuthorizeConfig { block: Some(BlockIndex(0)), ..config };
    let filter = Directive::Filter(FilterConfig::Authorize(config));
    let protected = LocationConfig {
        patterns: vec![Match::Text("/".into())],
        routes: vec![filter, Directive::StaticResponse(StaticResponseConfig::default())],
        ..LocationConfig::default()
    };
    server.blocks = queue.set().1;
    server.routes = vec![Directive::Location(Box::new(protected))];
}

/// A proxy whose requests for `/` are judged by `answer`.
fn judged(origin: &Origin, config: AuthorizeConfig, answer: fn(&str) -> BlockValue) -> (Proxy, Ruby) {
    let queue = Arc::new(BlockQueue::default());
    let proxy = Proxy::with(&[&origin.address()], |settings| protect(&mut settings.server, &queue, config));
    let ruby = Ruby::new(&queue, answer, None);
    (proxy, ruby)
}

fn statuses(proxy: &Proxy, requests: &[&str]) -> Vec<u16> {
    let mut client = proxy.client();
    let status = |fields: &&str| {
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        client.response().status()
    };
    requests.iter().map(status).collect()
}

#[test]
fn a_ruling_holds_for_all_requests_with_one_key() {
    let origin = Origin::echoing_targets();
    let (proxy, ruby) = judged(&origin, header_key(), |request| request.contains("good").into());
    let requests =
        ["X-Key: good\r\n", "X-Key: bad\r\n", "x-key:  good \r\n", "X-Key: bad\r\n", "X-Key: good\r\nA: b\r\n"];
    assert_eq!(statuses(&proxy, &requests), [200, 403, 200, 403, 200]);
    assert_eq!(ruby.calls(), 2);
}

#[test]
fn no_two_keys_run_together() {
    let origin = Origin::echoing_targets();
    let rewrite = |text: &str| vec![AuthorizeKey::Rewrite(text.into())];
    let headers = vec![AuthorizeKey::Header("X-A".into()), AuthorizeKey::Header("X-B".into())];
    let fields: &[&str] =
        &["", "X-A:\r\n", "X-B:\r\n", "X-A: ab\r\nX-B: c\r\n", "X-A: a\r\nX-B: bc\r\n", "X-A: abc\r\n", "X-B: abc\r\n"];
    let cookies: &[&str] = &[
        "",
        "Cookie: a=\r\n",
        "Cookie: b=\r\n",
        "Cookie: a=12\r\n",
        "Cookie: a=1; a=2\r\n",
        "Cookie: a=1; b=2\r\n",
        "Cookie: b=12\r\n",
    ];
    for (key, requests) in [
        (rewrite("{X-A}{X-B}"), fields),
        (headers, fields),
        (rewrite("{cookie.a}{cookie.b}"), cookies),
        (rewrite("{cookie.a} and {cookie.b}"), cookies),
    ] {
        let config = AuthorizeConfig { key: key.clone(), ..AuthorizeConfig::default() };
        let (proxy, ruby) = judged(&origin, config, |_| true.into());
        for _ in 0..2 {
            assert_eq!(statuses(&proxy, requests), vec![200; requests.len()]);
        }
        assert_eq!(ruby.calls(), requests.len(), "{key:?}");
    }
}

#[test]
fn two_values_for_a_part_of_the_key_are_refused() {
    let origin = Origin::echoing_targets();
    let (proxy, ruby) = judged(&origin, header_key(), |_| true.into());
    assert_eq!(statuses(&proxy, &["X-Key: a\r\nX-Key: a\r\n"]), [400]);
    assert_eq!((ruby.calls(), origin.requests().len()), (0, 0));
}

#[test]
fn a_cookie_is_found_whichever_field_of_http2_it_is_in() {
    let origin = Origin::echoing_targets();
    let key = vec![AuthorizeKey::Cookie("session".into())];
    let config = AuthorizeConfig { key, ..AuthorizeConfig::default() };
    let (proxy, ruby) = judged(&origin, config, |request| request.contains("session=good").into());
    let asked = http2(&proxy, |client| async move {
        let mut asked = Vec::new();
        for cookies in
            [&["a=1", "session=good"][..], &["session=good", "b=2"], &["session=bad"], &["session=good", "session=bad"]]
        {
            let mut head = request("GET", "/");
            for cookie in cookies {
                head = head.header("cookie", *cookie);
            }
            asked.push(client.send(head.body(()).expect("a head"), None).await.expect("a response").status);
        }
        asked
    });
    assert_eq!(asked, [200, 200, 403, 400]);
    assert_eq!(ruby.calls(), 2);
}

#[test]
fn one_call_is_made_for_all_that_wait_for_a_key() {
    let origin = Origin::echoing_targets();
    let queue = Arc::new(BlockQueue::default());
    let (open, gate): (Sender<()>, _) = channel();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        protect(&mut settings.server, &queue, AuthorizeConfig { timeout: 30.0, ..header_key() });
    });
    let ruby = Ruby::new(&queue, |_| true.into(), Some(gate));
    let mut clients: Vec<_> = (0..30).map(|_| proxy.client()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Key: a\r\n\r\n");
    }
    eventually("all wait", || proxy.server.stats().requests.in_flight == 30);
    open.send(()).expect("a block that waits");
    for client in &mut clients {
        assert_eq!(client.response().status(), 200);
    }
    assert_eq!(ruby.calls(), 1);
}

#[test]
fn a_late_answer_is_used_by_the_next_request() {
    let origin = Origin::echoing_targets();
    let queue = Arc::new(BlockQueue::default());
    let (open, gate): (Sender<()>, _) = channel();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        protect(&mut settings.server, &queue, AuthorizeConfig { timeout: 0.05, ..header_key() });
    });
    let ruby = Ruby::new(&queue, |_| true.into(), Some(gate));
    assert_eq!(statuses(&proxy, &["X-Key: a\r\n"]), [503]);
    open.send(()).expect("a block that waits");
    eventually("it is answered", || proxy.server.stats().blocks[0].answered == 1);
    assert_eq!(statuses(&proxy, &["X-Key: a\r\n"]), [200]);
    assert_eq!((ruby.calls(), proxy.server.stats().blocks[0].late), (1, 1));
}

#[test]
fn a_full_queue_concerns_no_other_route() {
    let origin = Origin::echoing_targets();
    let queue = Arc::new(BlockQueue::default());
    // No thread takes a call.
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let config = AuthorizeConfig { timeout: 30.0, queue: 3, threads: 1, ..header_key() };
        protect(&mut settings.server, &queue, config);
    });
    let mut clients: Vec<_> = (0..4).map(|_| proxy.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Key: {number}\r\n\r\n"));
    }
    eventually("all wait", || proxy.server.stats().blocks[0].waiting == 4);
    assert_eq!(statuses(&proxy, &["X-Key: full\r\n"]), [503]);
    assert_eq!(proxy.client().get("/free").status(), 200);
    assert_eq!(proxy.server.stats().blocks[0].full, 1);
    let ruby = Ruby::new(&queue, |_| true.into(), None);
    for client in &mut clients {
        assert_eq!(client.response().status(), 200);
    }
    assert_eq!(ruby.calls(), 4);
}

#[test]
fn a_thousand_reloads_leave_nothing_behind() {
    let origin = Origin::echoing_targets();
    let (proxy, ruby) = judged(&origin, header_key(), |_| true.into());
    for _ in 0..1_000 {
        let queue = Arc::clone(&ruby.queue);
        proxy.reload(&[&origin.address()], |settings| protect(&mut settings.server, &queue, header_key()));
        assert_eq!(statuses(&proxy, &["X-Key: a\r\n"]), [200]);
    }
    assert_eq!((ruby.calls(), proxy.server.stats().blocks.len()), (1_000, 1));
    eventually("the old ones are released", || ruby.released.load(SeqCst) == 1_000);
    drop(proxy);
    assert_eq!(ruby.end(), 1_001);
}

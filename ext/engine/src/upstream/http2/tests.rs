use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use proxy_http::http2::Stream;
use proxy_http::message::{ReadError, ResponseHead};
use tokio::task::{spawn_local, LocalSet};
use tokio::time::Instant;

use super::drive::Rhythm;
use super::pending_connect::{Acquired, ConnectRequest};
use super::{Http2Pool, Lease};
use crate::compile::Report;
use crate::error::Error;
use crate::stream::memory::{Network, Pipe};
use crate::upstream::backend::{Backend, BackendAddress, BackendSettings, Tls};
use crate::upstream::keep::Keep;
use crate::upstream::tls::TlsClient;
use crate::upstream::BackendProtocol;

const KEEP: Keep = Keep::FEW;
const BRIEF: Duration = Duration::from_millis(50);

/// A backend in memory that does `serve` with each of its connections, and how many it has accepted.
async fn backend<F>(serve: fn(Pipe) -> F) -> (Arc<Backend>, Arc<AtomicUsize>)
where
    F: std::future::Future<Output = ()> + 'static,
{
    let network = Network::of_thread().expect("a network");
    let address = network.free_address();
    let mut listener = network.listen(address);
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    spawn_local(async move {
        while let Some(stream) = listener.recv().await {
            count.fetch_add(1, Ordering::SeqCst);
            spawn_local(serve(stream));
        }
    });
    let traits = BackendSettings { protocol: BackendProtocol::Http2, ..BackendSettings::default() };
    (Backend::new(address.to_string(), "app.test", BackendAddress::Tcp(address), None, traits), accepted)
}

/// Takes requests and answers none.
async fn silent(stream: Pipe) {
    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
    let mut kept = Vec::new();
    while let Some(Ok(request)) = connection.accept().await {
        kept.push(request);
    }
}

/// The same, and does nothing any more once a request has come: it answers no PING either.
async fn dying(stream: Pipe) {
    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
    let request = connection.accept().await;
    std::future::pending::<()>().await;
    drop((request, connection));
}

fn call(endpoint: &Arc<Backend>, limit: Duration) -> ConnectRequest<'_> {
    let deadline = Instant::now() + Duration::from_secs(10);
    ConnectRequest { backend: endpoint, name: None, introduction: &[], keep: KEEP, max_head: 65_536, limit, deadline }
}

async fn lease(pool: &std::rc::Rc<Http2Pool>, endpoint: &Arc<Backend>) -> Lease {
    match pool.connect(call(endpoint, Duration::from_secs(5))).await {
        Ok(Acquired::Http2(lease, _)) => lease,
        other => panic!("{other:?}"),
    }
}

/// Asks, and reads what comes of it.
async fn ask(lease: Lease) -> Result<ResponseHead, ReadError> {
    let mut stream = Stream::to_backend(lease);
    stream.write_request(Request::get("http://app.test/").body(()).expect("a request"), true);
    poll_fn(|cx| stream.poll_flush(cx)).await?;
    let mut head = ResponseHead::default();
    poll_fn(|cx| stream.poll_response_head(cx, &mut head, 65_536)).await?;
    Ok(head)
}

async fn within<F: std::future::Future>(work: F) -> F::Output {
    let _installed = Network::new(1).install();
    crate::upstream::tests::within(LocalSet::new().run_until(work)).await
}

#[tokio::test(start_paused = true)]
async fn those_who_come_while_a_connection_is_made_share_it() {
    within(async {
        let (endpoint, accepted) = backend(silent).await;
        let pool = std::rc::Rc::<Http2Pool>::default();
        let all: Vec<_> = (0..50)
            .map(|_| {
                let (pool, endpoint) = (pool.clone(), endpoint.clone());
                spawn_local(async move { lease(&pool, &endpoint).await })
            })
            .collect();
        let mut held = Vec::new();
        for one in all {
            held.push(one.await.expect("a lease"));
        }
        assert_eq!((accepted.load(Ordering::SeqCst), pool.len()), (1, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn each_of_them_hears_of_a_failure_and_waits_no_longer_than_it_may() {
    within(async {
        // It accepts, and says nothing.
        let (endpoint, accepted) = backend(|stream| async move {
            std::future::pending::<()>().await;
            drop(stream);
        })
        .await;
        let client = Report::sound(|report| TlsClient::compile(&crate::config::PoolConfig::default(), report));
        let name = rustls::pki_types::ServerName::try_from("app.test").expect("a name");
        let tls = Some(Tls { client: client.expect("a policy"), name });
        let traits = BackendSettings { protocol: BackendProtocol::Http2, ..BackendSettings::default() };
        let endpoint = Backend::new(endpoint.label().into(), "app.test", endpoint.address().clone(), tls, traits);
        let pool = std::rc::Rc::<Http2Pool>::default();
        let patient = {
            let (pool, endpoint) = (pool.clone(), endpoint.clone());
            spawn_local(async move { pool.connect(call(&endpoint, BRIEF * 4)).await.map(|_| ()) })
        };
        tokio::task::yield_now().await;
        let begun = Instant::now();
        let hasty = pool.connect(call(&endpoint, BRIEF)).await;
        assert!(begun.elapsed() < BRIEF * 4);
        for result in [hasty.map(|_| ()), patient.await.expect("no panic")] {
            let error: Error = result.expect_err("nobody answered");
            assert!(error.is_timeout(), "{error}");
        }
        assert_eq!(accepted.load(Ordering::SeqCst), 1);
        let gone = pool.connect(call(&endpoint, BRIEF)).await.expect_err("nobody answers");
        assert!(gone.is_timeout() && gone.to_string().contains("within 50ms"), "{gone}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_answers_no_ping_is_dead() {
    within(async {
        let (endpoint, _) = backend(dying).await;
        let pool = Http2Pool::with_rhythm(Rhythm { silence: BRIEF, patience: BRIEF, again: BRIEF });
        let result = ask(lease(&pool, &endpoint).await).await;
        assert!(matches!(result, Err(ReadError::Io(_))), "{result:?}");
        tokio::task::yield_now().await;
        assert_eq!(pool.len(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_only_slow_is_not() {
    within(async {
        let (endpoint, _) = backend(silent).await;
        let pool = Http2Pool::with_rhythm(Rhythm { silence: BRIEF, patience: BRIEF * 4, again: BRIEF });
        let lease = lease(&pool, &endpoint).await;
        let result = tokio::time::timeout(BRIEF * 12, ask(lease)).await;
        assert!(result.is_err(), "{result:?}");
        assert_eq!(pool.len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_not_shared_by_requests_for_other_names() {
    within(async {
        let (endpoint, accepted) = backend(silent).await;
        let (other, _) = backend(silent).await;
        let pool = std::rc::Rc::<Http2Pool>::default();
        let first = lease(&pool, &endpoint).await;
        assert!(pool.lease(&other, None).is_none(), "another endpoint");
        // A further stream waits for the backend to say how many it takes.
        first.settled().await;
        assert!(pool.lease(&endpoint, None).is_some());
        // A new endpoint at the same address is another one, with settings of its own.
        let twin = Backend::new(
            endpoint.label().into(),
            "app.test",
            endpoint.address().clone(),
            None,
            BackendSettings { protocol: BackendProtocol::Http2, ..BackendSettings::default() },
        );
        assert!(pool.lease(&twin, None).is_none());
        assert_eq!(accepted.load(Ordering::SeqCst), 1);
        drop(first);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_of_another_protocol_is_called_so() {
    within(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (endpoint, _) = backend(|mut stream| async move {
            let _ = stream.read_exact(&mut [0; 24]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let pool = std::rc::Rc::<Http2Pool>::default();
        match ask(lease(&pool, &endpoint).await).await {
            Err(ReadError::Foreign) => {}
            other => panic!("{other:?}"),
        }
    })
    .await;
}

use proxy_http::proxy_protocol::Form;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::backend::{BackendAddress, Tls};
use super::super::connect::connect;
use super::super::tests::certs::{write, Authority};
use super::super::tests::{tls_server, until, within};
use super::super::tls::TlsClient;
use super::*;
use crate::compile::Report;
use crate::config::PoolConfig as Options;
use crate::upstream::backend::BackendSettings;

const KEEP: Keep = Keep::FEW;

/// A backend whose ends of the connections the test holds.
struct Server {
    listener: TcpListener,
    endpoint: Arc<Backend>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        Self {
            listener,
            endpoint: Backend::new(
                address.to_string(),
                "host",
                BackendAddress::Tcp(address),
                None,
                BackendSettings::default(),
            ),
        }
    }

    /// A connection as the proxy has it after a response, and the backend's end of it.
    async fn connection(&self) -> (Stream, TcpStream) {
        let mut ours = connect(&self.endpoint, None, &[], Duration::from_secs(5)).await.expect("a connection");
        let mut theirs = self.listener.accept().await.expect("a client").0;
        theirs.write_all(b"response").await.expect("written");
        let mut response = [0; 100];
        assert_eq!(ours.read(&mut response).await.expect("read"), 8);
        (ours, theirs)
    }
}

fn port(stream: &Stream) -> u16 {
    let Stream::Tcp(stream) = stream else { panic!("not TCP") };
    stream.local_addr().expect("an address").port()
}

#[tokio::test]
async fn the_connection_that_became_idle_last_is_used_first() {
    let (pool, backend) = (Pool::default(), Server::start().await);
    let ((one, _one), (two, _two)) = (backend.connection().await, backend.connection().await);
    let (one_port, two_port) = (port(&one), port(&two));
    pool.give_back(&backend.endpoint, one, &[], KEEP);
    pool.give_back(&backend.endpoint, two, &[], KEEP);
    assert_eq!(pool.checkout(&backend.endpoint, None, &[], Instant::now()).map(|stream| port(&stream)), Some(two_port));
    assert_eq!(pool.checkout(&backend.endpoint, None, &[], Instant::now()).map(|stream| port(&stream)), Some(one_port));
    assert!(pool.checkout(&backend.endpoint, None, &[], Instant::now()).is_none());
}

#[tokio::test]
async fn another_endpoint_never_gets_the_connection_even_at_the_same_address() {
    let (pool, backend) = (Pool::default(), Server::start().await);
    let (stream, _theirs) = backend.connection().await;
    pool.give_back(&backend.endpoint, stream, &[], KEEP);
    let twin =
        Backend::new("twin".into(), "host", backend.endpoint.address().clone(), None, BackendSettings::default());
    assert!(pool.checkout(&twin, None, &[], Instant::now()).is_none());
    assert_eq!(pool.len(), 1);
}

#[tokio::test]
async fn connections_that_ended_or_spoke_while_idle_are_passed_over() {
    let (pool, backend) = (Pool::default(), Server::start().await);
    let (good, _good) = backend.connection().await;
    let good_port = port(&good);
    let (closed, closing) = backend.connection().await;
    let (spoken, mut speaking) = backend.connection().await;
    for stream in [good, closed, spoken] {
        pool.give_back(&backend.endpoint, stream, &[], KEEP);
    }
    drop(closing);
    speaking.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("written");
    assert_eq!(pool.len(), 3);
    // The runtime hears of both from the kernel before it hears of this later connection.
    drop(backend.connection().await);
    let checked_out = pool.checkout(&backend.endpoint, None, &[], Instant::now()).expect("the good one");
    assert_eq!(port(&checked_out), good_port);
    assert!(pool.is_empty());
}

#[tokio::test]
async fn an_unasked_byte_is_found_even_by_a_task_that_has_used_up_its_budget() {
    let (pool, backend) = (Pool::default(), Server::start().await);
    let (spoken, mut speaking) = backend.connection().await;
    pool.give_back(&backend.endpoint, spoken, &[], KEEP);
    speaking.write_all(b"x").await.expect("written");
    drop(backend.connection().await);
    within(async {
        while tokio::task::coop::has_budget_remaining() {
            let spend = std::pin::pin!(tokio::task::coop::consume_budget());
            assert!(std::future::Future::poll(spend, &mut std::task::Context::from_waker(std::task::Waker::noop()))
                .is_ready());
        }
        assert!(pool.checkout(&backend.endpoint, None, &[], Instant::now()).is_none());
    })
    .await;
}

#[tokio::test]
async fn an_expired_connection_is_not_used() {
    let (pool, backend) = (Pool::default(), Server::start().await);
    let (stream, mut theirs) = backend.connection().await;
    pool.give_back(&backend.endpoint, stream, &[], Keep { timeout: Duration::ZERO, ..KEEP });
    assert!(pool.checkout(&backend.endpoint, None, &[], Instant::now()).is_none());
    assert_eq!(within(theirs.read(&mut [0])).await.expect("closed"), 0);
}

#[tokio::test]
async fn beyond_the_limit_the_oldest_is_closed_and_zero_keeps_none() {
    let (pool, backend) = (Pool::default(), Server::start().await);
    let ((one, mut first), (two, _second)) = (backend.connection().await, backend.connection().await);
    let two_port = port(&two);
    let keep = Keep { connections: 1, ..KEEP };
    pool.give_back(&backend.endpoint, one, &[], keep);
    pool.give_back(&backend.endpoint, two, &[], keep);
    assert_eq!(within(first.read(&mut [0])).await.expect("closed"), 0);
    let stream = pool.checkout(&backend.endpoint, None, &[], Instant::now()).expect("the newer one");
    assert_eq!(port(&stream), two_port);
    pool.give_back(&backend.endpoint, stream, &[], Keep { connections: 0, ..KEEP });
    assert!(pool.is_empty());
}

#[tokio::test]
async fn what_is_given_back_to_a_pool_that_was_closed_is_closed_too() {
    let (pool, backend) = (Pool::default(), Server::start().await);
    let ((idle, mut first), (busy, mut second)) = (backend.connection().await, backend.connection().await);
    pool.give_back(&backend.endpoint, idle, &[], KEEP);
    pool.close();
    assert_eq!(within(first.read(&mut [0])).await.expect("closed"), 0);
    pool.give_back(&backend.endpoint, busy, &[], KEEP);
    assert!(pool.is_empty());
    assert_eq!(within(second.read(&mut [0])).await.expect("closed"), 0);
}

#[tokio::test]
async fn the_janitor_closes_what_died_or_expired_and_forgets_endpoints_that_are_gone() {
    let pool = std::rc::Rc::new(Pool::default());
    let (backend, gone) = (Server::start().await, Server::start().await);
    let (good, _good) = backend.connection().await;
    let (dead, dying) = backend.connection().await;
    let (expired, _expired) = backend.connection().await;
    let (orphan, _orphan) = gone.connection().await;
    pool.give_back(&backend.endpoint, good, &[], KEEP);
    pool.give_back(&backend.endpoint, dead, &[], KEEP);
    pool.give_back(&backend.endpoint, expired, &[], Keep { timeout: Duration::ZERO, ..KEEP });
    pool.give_back(&gone.endpoint, orphan, &[], KEEP);
    drop((dying, gone));
    let tasks = tokio::task::LocalSet::new();
    let janitor = pool.clone();
    tasks.spawn_local(async move { janitor.run_janitor().await });
    tasks.run_until(until("the janitor", || pool.len() == 1)).await;
    assert_eq!(pool.backends.borrow().len(), 1);
    assert!(pool.checkout(&backend.endpoint, None, &[], Instant::now()).is_some());
}

#[tokio::test]
async fn a_tls_connection_is_only_used_again_for_the_name_it_was_made_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let (address, _seen) = tls_server::tcp(&authority.certify(&["one.test", "two.test"]), None).await;
    let options = Options { ca_file: Some(write(folder.path(), "ca.pem", &authority.pem())), ..Options::default() };
    let client = Report::sound(|report| TlsClient::compile(&options, report)).expect("a policy");
    let name = |name| ServerName::try_from(name).expect("a name");
    let tls = Tls { client, name: name("one.test") };
    let endpoint =
        Backend::new("backend".into(), "host", BackendAddress::Tcp(address), Some(tls), BackendSettings::default());
    let pool = Pool::default();
    let mut stream = within(connect(&endpoint, None, &[], Duration::from_secs(5))).await.expect("a connection");
    // The echo proves that the session tickets behind the handshake have been read, which are no idle chatter.
    within(async {
        stream.write_all(b"!").await.expect("written");
        stream.flush().await.expect("flushed");
        assert_eq!(stream.read_u8().await.expect("read"), b'!');
    })
    .await;
    pool.give_back(&endpoint, stream, &[], KEEP);
    assert!(pool.checkout(&endpoint, Some(&name("two.test")), &[], Instant::now()).is_none());
    let stream = pool.checkout(&endpoint, Some(&name("one.test")), &[], Instant::now()).expect("the name is the same");
    pool.give_back(&endpoint, stream, &[], KEEP);
    assert!(pool.checkout(&endpoint, None, &[], Instant::now()).is_some(), "none means the endpoint's own");
}

#[tokio::test]
async fn a_connection_that_began_with_a_header_is_only_used_again_for_the_same_header() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let place = BackendAddress::Tcp(listener.local_addr().expect("an address"));
    let told = BackendSettings { proxy_protocol: Some(Form::V1), ..BackendSettings::default() };
    let endpoint = Backend::new("backend".into(), "host", place, None, told);
    let pool = Pool::default();
    let connect = || within(connect(&endpoint, None, &[], Duration::from_secs(5)));
    pool.give_back(&endpoint, connect().await.expect("a connection"), b"PROXY one\r\n", KEEP);
    for other in [&b""[..], b"PROXY two\r\n", b"PROXY one"] {
        assert!(pool.checkout(&endpoint, None, other, Instant::now()).is_none());
    }
    assert!(pool.checkout(&endpoint, None, b"PROXY one\r\n", Instant::now()).is_some());
    assert!(pool.is_empty());
    // One without a header has no business at such a backend.
    pool.give_back(&endpoint, connect().await.expect("a connection"), &[], KEEP);
    assert!(pool.is_empty());
}

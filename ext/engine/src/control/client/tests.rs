use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::upstream::tests::certs::{write, Authority};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nretry-after: 7\r\n\r\nhi";

fn settings() -> ClientSettings {
    ClientSettings { ca_file: None, timeout: Duration::from_secs(20), max_body: 1_000 }
}

async fn ask(client: &HttpClient, url: &str) -> Result<Response<Bytes>, ClientError> {
    client.send(Request::get(url).body(Bytes::new()).expect("a request")).await
}

/// A server that sends `answer` to each request, and does no more.
async fn server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 1_000];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer).await;
        }
    });
    format!("http://{address}/path?secret=1")
}

#[test]
fn a_url_is_read_if_nothing_of_it_is_lost() {
    for url in ["http://a", "https://a.example:8443/b?c=d", "http://[::1]:80/", "HTTPS://u:p@a/", "http://u:p@a:1/"] {
        assert!(read_url(url).is_some(), "{url}");
    }
    // Without its port it would be another server's; what stands behind a `#` is not sent.
    for url in
        ["http://a:99999/", "http://a:0/", "http://a:/", "http://a/b#c", "http:///b", "/b", "ftp://a/", "http://a b/"]
    {
        assert!(read_url(url).is_none(), "{url}");
    }
}

#[tokio::test]
async fn a_response_comes_whole_whatever_its_status() {
    let client = HttpClient::new(settings()).expect("a client");
    let answer = ask(&client, &server(OK).await).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"hi"[..]));
    assert_eq!(answer.headers()["retry-after"], "7");
    let busy = server(b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy").await;
    assert_eq!(ask(&client, &busy).await.expect("an answer").status(), 503);
}

#[tokio::test]
async fn failures_say_what_was_asked_and_why_there_is_no_answer() {
    let client = HttpClient::new(settings()).expect("a client");
    let cut = server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi").await;
    let error = ask(&client, &cut).await.expect_err("it is cut").0;
    let address = cut.trim_end_matches("?secret=1");
    assert_eq!(error, format!("GET {address}: it has closed the connection in the middle"));
    let tiny = HttpClient::new(ClientSettings { max_body: 1, ..settings() }).expect("a client");
    let error = ask(&tiny, &server(OK).await).await.expect_err("it is too large").0;
    assert!(error.ends_with("the body of its answer is larger than 1 bytes"), "{error}");
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let error = ask(&client, &format!("http://{gone}/")).await.expect_err("nobody listens").0;
    assert_eq!(error, format!("GET http://{gone}/: nobody listens there (connection refused)"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_waited_for_as_long_as_the_time_limit() {
    let client = HttpClient::new(settings()).expect("a client");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let error = ask(&client, &url).await.expect_err("nothing comes").0;
    assert_eq!(error, format!("GET {url}: no whole answer within 20 s"));
}

/// A TLS server with this certificate, which speaks HTTP/1.1.
async fn tls_server(certificate: &str, key: &str) -> u16 {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>().expect("a chain");
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 1_000]).await;
            let _ = stream.write_all(OK).await;
        }
    });
    port
}

#[tokio::test]
async fn certificates_are_verified_by_the_file_and_for_the_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new();
    let ca_file = write(folder.path(), "ca.pem", &authority.pem());
    let certified = authority.certify(&["localhost"]);
    let port = tls_server(&certified.certificate, &certified.key).await;
    let trusting = HttpClient::new(ClientSettings { ca_file: Some(ca_file), ..settings() }).expect("a client");
    let answer = ask(&trusting, &format!("https://localhost:{port}/")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let error = ask(&trusting, &format!("https://127.0.0.1:{port}/")).await.expect_err("another name").0;
    assert!(error.ends_with("its certificate is not trusted: it is for other names"), "{error}");
    let system = HttpClient::new(settings()).expect("a client");
    let error = ask(&system, &format!("https://localhost:{port}/")).await.expect_err("an unknown issuer").0;
    assert!(error.contains("name the issuer's certificate with `ca_file`"), "{error}");
    let wrong = HttpClient::new(ClientSettings { ca_file: Some("/nowhere.pem".into()), ..settings() });
    assert!(wrong.expect_err("no file").starts_with("ca_file: \"/nowhere.pem\" cannot be read"));
}

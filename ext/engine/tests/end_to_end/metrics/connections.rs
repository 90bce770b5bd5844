//! Figures of client connections, and of the process.

use proxy_engine::configuration::{BindConfig, Certificate};

use super::{await_series, shown, Scrape};
use crate::support::{http2, Origin, Proxy, TlsClient};

#[test]
fn open_connections_count_by_address_and_protocol() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], shown);
    let series =
        |protocol: &str| format!("proxy_connections{{listener=\"http://127.0.0.1:0\",protocol=\"{protocol}\"}}");
    let mut client = proxy.client();
    assert_eq!(client.get("/").status(), 200);
    // The one that asks counts too.
    await_series(&proxy, &series("http1"), 2.0);
    http2(&proxy, |client| async move {
        assert_eq!(client.get("/").await.text(), "/");
        // Of HTTP/2 without TLS only the first bytes tell.
        let text = client.get("/metrics").await.text();
        let line = "proxy_connections{listener=\"http://127.0.0.1:0\",protocol=\"http2\"} 1";
        assert!(text.lines().any(|written| written == line), "{text}");
    });
    await_series(&proxy, &series("http2"), 0.0);
    drop(client);
    await_series(&proxy, &series("http1"), 1.0);
}

#[test]
fn handshakes_count_by_version_and_result_and_certificates_have_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned(), "b.example".into()]).expect("a certificate");
    let file = folder.path().join("site.pem");
    std::fs::write(&file, made.cert.pem() + &made.signing_key.serialize_pem()).expect("a file");
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        shown(settings);
        let certificate = Certificate { certificate: file.display().to_string(), ..Certificate::default() };
        let url = "https://127.0.0.1:0".into();
        settings.server.binds.push(BindConfig { url, certificates: Some(vec![certificate]), ..BindConfig::default() });
    });
    let address = proxy.server.urls()[1].trim_start_matches("https://").to_owned();
    let tls = TlsClient::new();
    for _ in 0..2 {
        tls.connect(&address, Some("a.example")).expect("a handshake").get("a.example", "/");
    }
    let series = |version: &str, result: &str| {
        format!("proxy_tls_handshakes_total{{version=\"{version}\",result=\"{result}\"}}")
    };
    await_series(&proxy, &series("1.3", "full"), 1.0);
    await_series(&proxy, &series("1.3", "resumed"), 1.0);
    let mut broken = crate::support::Peer::new(std::net::TcpStream::connect(&address).expect("it listens"));
    broken.send(b"\x16\x03\x01\x00\x05hello");
    broken.rest();
    await_series(&proxy, &series("unknown", "failed"), 1.0);
    let scrape = Scrape::of(&proxy);
    for domain in ["a.example", "b.example"] {
        let end = scrape.get(&format!("proxy_certificate_not_after_timestamp_seconds{{domain=\"{domain}\"}}"));
        assert!(end > 1.7e9, "{end}");
    }
}

#[test]
fn the_process_and_the_build_are_described() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], shown);
    let scrape = Scrape::of(&proxy);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let started = scrape.get("process_start_time_seconds");
    assert!(started <= now + 1.0 && started > now - 3600.0, "{started} and {now}");
    assert!(scrape.get("process_resident_memory_bytes") > 1e6);
    assert!(scrape.get("process_open_fds") > 3.0);
    assert!(scrape.get("process_max_fds") >= scrape.get("process_open_fds"));
    assert!(scrape.get("process_cpu_seconds_total") > 0.0);
    let build = format!("proxy_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(scrape.get(&build), 1.0);
    assert_eq!(scrape.get("proxy_log_lines_dropped_total"), 0.0);
}

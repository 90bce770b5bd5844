//! Certificates that the proxy gets by itself: whom they are shown, and what challenges are answered.

use std::path::Path;

use proxy_engine::config::{
    AcmeConfig, BindConfig, Certificate, DnsProviderConfig, LocationConfig, Match, StorageConfig,
};
use proxy_engine::configuration::{Config, Directive, FilterConfig, RedirectHttpToHttpsConfig};
use tempfile::TempDir;

use crate::support::{has_own_process, nobody, Origin, Proxy, TlsClient};

/// Every address, since a bind of this machine alone makes a certificate for development.
const EVERYWHERE: &str = "https://0.0.0.0:0";

/// A folder with certificates, and a server that shows them.
struct Site {
    folder: TempDir,
    origin: Origin,
}

/// A key and a certificate in PEM, and the certificate itself.
fn certificate(name: &str) -> (String, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    (made.signing_key.serialize_pem() + &made.cert.pem(), made.cert.der().to_vec())
}

impl Site {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), origin: Origin::named("backend") }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("text").to_owned()
    }

    /// Writes a file, as another instance or an earlier run would.
    fn write(&self, key: &str, text: &str) {
        let path = self.folder.path().join(key);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    /// Stores a certificate for a name, and returns it.
    fn store(&self, name: &str) -> Vec<u8> {
        let (pem, own) = certificate(name);
        self.write(&format!("certificates/{}.pem", name.replace('*', "_")), &pem);
        own
    }

    /// A pending challenge of another instance.
    fn challenge(&self, key: &str, answer: &str) {
        self.write(&format!("challenges/{key}"), &format!("{}\n4000000000\n", answer.trim_end()));
    }

    fn config(&self, hosts: &[&str], bind: BindConfig, change: impl FnOnce(&mut Config)) -> Config {
        Proxy::config(&[&self.origin.address()], |settings| {
            let hosts = hosts.iter().map(|host| Match::Text((*host).into())).collect();
            let location = LocationConfig { hosts, ..LocationConfig::default() };
            settings.server.routes.push(Directive::Location(Box::new(location)));
            settings.server.binds = vec![bind];
            settings.server.acme = Some(AcmeConfig {
                // Nobody is asked for certificates here.
                authority: vec![format!("https://{}/directory", nobody())],
                storage: Some(StorageConfig::Folder(self.path(""))),
                dns: Some(DnsProviderConfig::Command(vec!["/bin/false".into()])),
                ..AcmeConfig::default()
            });
            change(&mut settings.server);
        })
    }

    fn serve(&self, hosts: &[&str], bind: BindConfig) -> Proxy {
        Proxy::start(self.config(hosts, bind, |_| ()))
    }
}

fn bare() -> BindConfig {
    BindConfig { url: EVERYWHERE.into(), ..BindConfig::default() }
}

#[test]
fn a_bind_without_a_certificate_shows_those_of_the_written_names_and_refuses_others() {
    let site = Site::new();
    let (own, wild) = (site.store("example.com"), site.store("*.example.org"));
    site.store("stranger.example");
    let proxy = site.serve(&["example.com", "*.example.org", "missing.example"], bare());
    let client = TlsClient::new();
    let shown = |host: Option<&str>| client.shown(proxy.address(), host);
    assert_eq!(shown(Some("EXAMPLE.com")), Ok(own.clone()));
    assert_eq!(shown(Some("a.example.org")), Ok(wild));
    assert_eq!(shown(None), Ok(own), "the first, for those who name none");
    for host in ["www.example.com", "a.b.example.org", "stranger.example", "missing.example"] {
        let refusal = shown(Some(host)).expect_err("no certificate");
        assert_eq!(refusal, "received fatal alert: UnrecognisedName", "{host}");
    }
    let peer = client.connect(proxy.address(), Some("example.com")).expect("a connection");
    assert!(peer.get("example.com", "/").ends_with("backend"), "it serves on");
}

#[test]
fn certificates_in_files_come_first_and_serve_names_that_are_nowhere() {
    let site = Site::new();
    let (pem, own) = certificate("file.example");
    site.write("file.pem", &pem);
    site.store("file.example");
    let managed = site.store("example.com");
    let bind = BindConfig { certificate: Some(site.path("file.pem")), ..bare() };
    let proxy = site.serve(&["example.com", "file.example"], bind);
    let client = TlsClient::new();
    let shown = |host: Option<&str>| client.shown(proxy.address(), host);
    assert_eq!(shown(Some("file.example")), Ok(own.clone()));
    assert_eq!(shown(Some("example.com")), Ok(managed));
    assert_eq!(shown(Some("other.example")), Ok(own.clone()));
    assert_eq!(shown(None), Ok(own));
}

#[test]
fn a_client_that_returns_saves_half_of_the_handshake() {
    let site = Site::new();
    site.store("example.com");
    site.store("example.org");
    let proxy = site.serve(&["example.com", "example.org"], bare());
    let client = TlsClient::new();
    let get = |host: &str| {
        let peer = client.connect(proxy.address(), Some(host)).expect("a connection");
        let is_resumed = peer.is_resumed();
        peer.get(host, "/");
        is_resumed
    };
    assert_eq!([get("example.com"), get("example.com"), get("example.org")], [false, true, false]);
}

#[test]
fn a_new_certificate_in_the_folder_is_shown_after_a_reload() {
    let site = Site::new();
    let old = site.store("example.com");
    let config = site.config(&["example.com"], bare(), |_| ());
    let proxy = Proxy::start(config.clone());
    let client = TlsClient::new();
    assert_eq!(client.shown(proxy.address(), Some("example.com")), Ok(old));
    let new = site.store("example.com");
    proxy.server.reload(&config).expect("a sound configuration");
    crate::support::eventually("it is shown", || {
        client.shown(proxy.address(), Some("example.com")).as_ref() == Ok(&new)
    });
    let without = site.config(&["other.example"], bare(), |_| ());
    proxy.server.reload(&without).expect("a sound configuration");
    client.shown(proxy.address(), Some("example.com")).expect_err("it is not written any more");
}

#[test]
fn what_a_bind_asks_of_clients_holds_for_managed_names_too() {
    let site = Site::new();
    let (authority, _) = certificate("client");
    site.write("client.pem", &authority);
    site.store("example.com");
    let bind = BindConfig { client_ca: Some(site.path("client.pem")), ..bare() };
    let proxy = site.serve(&["example.com"], bind);
    let get = |client: TlsClient| {
        client.connect(proxy.address(), Some("example.com")).expect("a handshake").try_get("example.com", "/")
    };
    assert!(get(TlsClient::new()).is_err(), "it has no certificate");
    assert!(get(TlsClient::with_certificate(&authority)).expect("an answer").ends_with("backend"));
}

#[test]
fn a_managed_name_is_no_way_around_the_certificate_that_another_name_asks_for() {
    let site = Site::new();
    let (pem, _) = certificate("strict.example");
    site.write("strict.pem", &pem);
    site.store("example.com");
    let strict = site.path("strict.pem");
    let certificates =
        vec![Certificate { certificate: strict.clone(), client_ca: Some(strict), ..Certificate::default() }];
    let bind = BindConfig { certificates: Some(certificates), ..bare() };
    let proxy = site.serve(&["example.com"], bind);
    let get = |host: &str| {
        let peer = TlsClient::new().connect(proxy.address(), Some("example.com")).expect("a connection");
        peer.get(host, "/")
    };
    assert!(get("example.com").ends_with("backend"));
    for host in ["strict.example", "other.example"] {
        assert!(get(host).starts_with("HTTP/1.1 421 "), "{host}");
    }
}

#[test]
fn a_pending_http_challenge_is_answered_before_filters_and_any_other_goes_on() {
    let site = Site::new();
    site.challenge("http/t0ken", "t0ken.thumbprint");
    let plain = BindConfig { url: "http://127.0.0.1:0".into(), ..BindConfig::default() };
    let config = site.config(&["example.com"], plain, |server| {
        let redirect = FilterConfig::RedirectHttpToHttps(RedirectHttpToHttpsConfig::default());
        server.routes.insert(0, Directive::Filter(redirect));
    });
    let proxy = Proxy::start(config);
    let mut client = proxy.client();
    let answer = client.get("/.well-known/acme-challenge/t0ken");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "t0ken.thumbprint"));
    for path in ["/.well-known/acme-challenge/other", "/.well-known/acme-challenge/", "/.well-known/x", "/"] {
        assert_eq!(client.get(path).status(), 308, "{path}");
    }
    client.send("POST /.well-known/acme-challenge/t0ken HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_ne!(client.response().status(), 200);
}

#[test]
fn a_backend_answers_challenges_of_its_own() {
    let site = Site::new();
    let plain = BindConfig { url: "http://127.0.0.1:0".into(), ..BindConfig::default() };
    let proxy = site.serve(&["example.com"], plain);
    assert_eq!(proxy.client().get("/.well-known/acme-challenge/of-the-backend").text(), "backend");
}

/// Names that have a certificate.
const MANY: usize = 10_000;

#[test]
fn ten_thousand_certificates_take_little_memory() {
    if !has_own_process() {
        return;
    }
    let site = Site::new();
    let hosts: Vec<_> = (0..MANY).map(|number| format!("{number}.example")).collect();
    let (pem, own) = certificate("example");
    // As long as a chain with an intermediate certificate.
    let chain = format!("{pem}{0}{0}{0}", &pem[pem.find("-----BEGIN CERTIFICATE").expect("a certificate")..]);
    for host in &hosts {
        site.write(&format!("certificates/{host}.pem"), &chain);
    }
    let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
    let without = site.config(&hosts, BindConfig { url: "http://127.0.0.1:0".into(), ..bare() }, |server| {
        server.acme = None;
    });
    let config = site.config(&hosts, bare(), |_| ());
    let empty = resident();
    let _other = Proxy::start(without);
    let before = resident();
    let begun = std::time::Instant::now();
    let proxy = Proxy::start(config);
    let client = TlsClient::new();
    assert_eq!(client.shown(proxy.address(), Some("9999.example")), Ok(own.clone()));
    let (first, started) = (begun.elapsed(), resident());
    // More than are kept in memory.
    for host in hosts.iter().step_by(7) {
        assert_eq!(client.shown(proxy.address(), Some(host)), Ok(own.clone()), "{host}");
    }
    // The names take their place in the table of locations without certificates too.
    let taken = resident().saturating_sub(before).saturating_sub(before - empty);
    let per_name = started.saturating_sub(before).saturating_sub(before - empty) / MANY;
    eprintln!("the first handshake took {first:?}; {taken} bytes, {per_name} for each name before it is in memory");
    // 20 to 32 MB, by how many threads read at once and what the system's allocator keeps for each. All certificates in
    // memory would take 60 MB more.
    assert!(taken < 50_000_000, "{taken} bytes");
}

/// Bytes of memory that this process takes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).expect("a number") * 1024
}

#[test]
fn a_pending_alpn_challenge_gets_its_certificate_and_nothing_else() {
    let site = Site::new();
    let own = site.store("example.com");
    let (pem, challenge) = certificate("example.com");
    site.challenge("alpn/example.com.pem", &pem);
    let proxy = site.serve(&["example.com"], bare());
    let authority = TlsClient::new().offering(&["acme-tls/1"]);
    let peer = authority.connect(proxy.address(), Some("example.com")).expect("a handshake");
    assert_eq!((peer.certificate(), peer.protocol().as_deref()), (challenge, Some("acme-tls/1")));
    assert_eq!(peer.rest(), "", "the connection ends");
    let browser = TlsClient::new().offering(&["http/1.1", "acme-tls/1"]);
    assert_eq!(browser.shown(proxy.address(), Some("example.com")), Ok(own));
    std::fs::remove_dir_all(Path::new(&site.path("challenges"))).expect("removed");
    let refusal = authority.shown(proxy.address(), Some("example.com")).expect_err("nothing is pending");
    assert_eq!(refusal, "received fatal alert: NoApplicationProtocol");
}

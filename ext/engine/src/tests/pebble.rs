//! The authority Pebble and its DNS server in processes of their own, as `bin/setup --test` builds them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

/// How an authority behaves.
pub(crate) struct PebbleOptions<'a> {
    /// Per cent of good nonces that it refuses.
    pub(crate) bad_nonces: u8,
    /// Per cent of authorizations that it does not ask for again.
    pub(crate) reused: u8,
    /// External account bindings, identifier and key; if there are any, an account needs one.
    pub(crate) bindings: &'a [(&'a str, &'a str)],
    /// Profiles with the life of their certificates in seconds.
    pub(crate) profiles: &'a [(&'a str, u64)],
    /// Names for which it issues nothing.
    pub(crate) blocked: &'a [&'a str],
    /// Ports where it looks for answers to http-01 and tls-alpn-01.
    pub(crate) http: u16,
    pub(crate) tls: u16,
}

impl Default for PebbleOptions<'_> {
    fn default() -> Self {
        let profiles = &[("default", 90 * 86_400), ("shortlived", 6 * 86_400), ("brief", 120)];
        Self { bad_nonces: 0, reused: 0, bindings: &[], profiles, blocked: &[], http: 1, tls: 1 }
    }
}

/// A running authority. It ends when it is dropped.
pub(crate) struct Pebble {
    program: Program,
    /// URL of its directory.
    pub(crate) url: String,
    /// What signs the certificate of its directory, in PEM.
    pub(crate) ca_file: PathBuf,
    /// Whom it asks for addresses and TXT records.
    pub(crate) dns: ChallengeServer,
}

impl Pebble {
    pub(crate) fn start(options: &PebbleOptions<'_>) -> Self {
        let dns = ChallengeServer::start();
        let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let environment = [
            ("PEBBLE_VA_NOSLEEP", "1".to_owned()),
            ("PEBBLE_WFE_NONCEREJECT", options.bad_nonces.to_string()),
            ("PEBBLE_AUTHZREUSE", options.reused.to_string()),
        ];
        let keys: BTreeMap<_, _> = options.bindings.iter().copied().collect();
        let settings = |folder: &Path, port: u16, management: u16| {
            let profiles: serde_json::Map<_, _> = options
                .profiles
                .iter()
                .map(|(name, seconds)| ((*name).to_owned(), json!({ "description": "", "validityPeriod": seconds })))
                .collect();
            json!({ "pebble": {
                "listenAddress": format!("127.0.0.1:{port}"),
                "managementListenAddress": format!("127.0.0.1:{management}"),
                "certificate": folder.join("own.pem"),
                "privateKey": folder.join("own.key"),
                "httpPort": options.http,
                "tlsPort": options.tls,
                "keyAlgorithm": "ecdsa",
                "retryAfter": { "authz": 1, "order": 1 },
                "externalAccountBindingRequired": !options.bindings.is_empty(),
                "externalAccountMACKeys": keys,
                "domainBlocklist": options.blocked,
                "profiles": profiles,
            } })
        };
        let mut url = String::new();
        let program = Program::start("pebble", &environment, |folder, port, management| {
            let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file is written");
            write("own.pem", &pair.cert.pem());
            write("own.key", &pair.signing_key.serialize_pem());
            write("config.json", &settings(folder, port, management).to_string());
            url = format!("https://127.0.0.1:{port}/dir");
            let config = folder.join("config.json").display().to_string();
            vec!["-config".into(), config, "-strict".into(), "-dnsserver".into(), dns.address.clone()]
        });
        let ca_file = program.folder.path().join("own.pem");
        Self { program, url, ca_file, dns }
    }

    /// Everything that it has printed.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    /// Number of orders that it took. A refused nonce is none.
    pub(crate) fn orders(&self) -> usize {
        self.log().matches("Added order \"").count()
    }

    /// Number of accounts that it made.
    pub(crate) fn accounts(&self) -> usize {
        self.log().matches("accounts in memory").count()
    }

    /// Number of certificates that it issued.
    pub(crate) fn issued(&self) -> usize {
        self.log().matches("Issued certificate serial").count()
    }
}

/// Pebble's DNS server: 127.0.0.1 for each name, and the TXT records that a test adds. It ends when it is dropped.
pub(crate) struct ChallengeServer {
    program: Program,
    /// Address of the DNS server, over UDP and TCP.
    pub(crate) address: String,
    management: u16,
}

impl ChallengeServer {
    pub(crate) fn start() -> Self {
        let (mut address, mut management) = (String::new(), 0);
        let program = Program::start("pebble-challtestsrv", &[], |_, dns, manage| {
            (address, management) = (format!("127.0.0.1:{dns}"), manage);
            let manage = format!("127.0.0.1:{manage}");
            let mut arguments = vec!["-dnsserver".to_owned(), address.clone(), "-management".to_owned(), manage];
            for none in ["-defaultIPv6", "-http01", "-https01", "-tlsalpn01", "-doh"] {
                arguments.extend([none.to_owned(), String::new()]);
            }
            arguments
        });
        Self { program, address, management }
    }

    /// Adds a TXT record beside others of the same name.
    pub(crate) fn add_txt(&self, name: &str, value: &str) {
        self.post("set-txt", &json!({ "host": absolute(name), "value": value }));
    }

    /// Removes all TXT records of the name.
    pub(crate) fn clear_txt(&self, name: &str) {
        self.post("clear-txt", &json!({ "host": absolute(name) }));
    }

    /// Makes `name` an alias of `target`.
    pub(crate) fn alias(&self, name: &str, target: &str) {
        self.post("set-cname", &json!({ "host": absolute(name), "target": absolute(target) }));
    }

    /// Answers all questions for `name` with SERVFAIL.
    pub(crate) fn fail(&self, name: &str) {
        self.post("set-servfail", &json!({ "host": absolute(name) }));
    }

    /// Asks its management interface, as its README has it.
    fn post(&self, path: &str, body: &serde_json::Value) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.management)).expect("it listens");
        let body = body.to_string();
        let head = format!("POST /{path} HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.split(' ').nth(1) == Some("200"), "{path} {body}: {answer}\n{}", self.program.log());
    }
}

/// A program of Go with a folder for its files. It is killed when it is dropped.
struct Program {
    child: Child,
    folder: TempDir,
}

impl Program {
    /// Starts a program that listens at two ports; `arguments` is given its folder and them. Neither port 0 nor an open
    /// socket can be given to it, so it is started again if another program was faster at one of them.
    fn start(
        name: &str,
        environment: &[(&str, String)],
        mut arguments: impl FnMut(&Path, u16, u16) -> Vec<String>,
    ) -> Self {
        let binary = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tmp/pebble").join(name);
        assert!(binary.exists(), "{} is missing: run bin/setup --test", binary.display());
        for _ in 0..3 {
            let folder = TempDir::new().expect("a folder");
            let log = std::fs::File::create(folder.path().join("log")).expect("a file");
            let ports = (free_port(), free_port());
            let child = Command::new(&binary)
                .args(arguments(folder.path(), ports.0, ports.1))
                .envs(environment.iter().map(|(name, value)| (name, value)))
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a descriptor"))
                .stderr(log)
                .spawn()
                .expect("it starts");
            let mut program = Self { child, folder };
            if program.listens(ports.0) && program.listens(ports.1) {
                return program;
            }
        }
        panic!("{name} does not start");
    }

    /// Waits until it listens at a port. `false`: it has ended.
    fn listens(&mut self, port: u16) -> bool {
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if self.child.try_wait().expect("a child").is_some() {
                return false;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("a file")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody uses, below those that the system gives to clients and to port 0.
pub(crate) fn free_port() -> u16 {
    loop {
        let address = (Ipv4Addr::LOCALHOST, fastrand::u16(10_000..32_000));
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return address.1;
        }
    }
}

fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

#[test]
fn the_authority_and_its_dns_server_start() {
    let pebble = Pebble::start(&PebbleOptions { bad_nonces: 20, ..PebbleOptions::default() });
    pebble.dns.add_txt("a.example.com", "one");
    pebble.dns.alias("b.example.com", "a.example.com");
    pebble.dns.clear_txt("a.example.com");
    pebble.dns.fail("c.example.com");
    assert!(pebble.log().contains("reject 20% of good nonces"), "{}", pebble.log());
    assert_eq!((pebble.orders(), pebble.accounts(), pebble.issued()), (0, 0, 0));
    assert!(pebble.ca_file.exists() && pebble.url.ends_with("/dir"));
}

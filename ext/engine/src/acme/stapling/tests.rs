use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SerialNumber,
};

use super::*;
use crate::log::tests::Memory;
use crate::log::Level;

/// What the authority says of certificates, by serial number.
const INDEX: &str = "V\t491231235959Z\t\t1111\tunknown\t/CN=good\n\
                     R\t491231235959Z\t250101000000Z\t2222\tunknown\t/CN=revoked\n";
const GOOD: u64 = 0x1111;
const REVOKED: u64 = 0x2222;
const UNKNOWN: u64 = 0x3333;

/// A certificate authority, and its OCSP responder.
struct Authority {
    folder: tempfile::TempDir,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A responder of OpenSSL. It ends with its test.
struct Responder {
    process: Child,
    url: String,
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("sound");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("index.txt"), INDEX).expect("written");
        std::fs::write(path("ca.pem"), &pem).expect("written");
        std::fs::write(path("ca.key"), key.serialize_pem()).expect("written");
        Self { pem, issuer: Issuer::new(params, key), folder }
    }

    /// Certifies another signer, for what `purposes` say. Its folder.
    fn delegate(&self, purposes: Vec<ExtendedKeyUsagePurpose>) -> std::path::PathBuf {
        let mut params = CertificateParams::new(Vec::new()).expect("sound");
        params.distinguished_name.push(rcgen::DnType::CommonName, "responder");
        params.extended_key_usages = purposes;
        let key = KeyPair::generate().expect("a key");
        let pem = params.signed_by(&key, &self.issuer).expect("signed").pem();
        let folder = self.folder.path().join("delegate");
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join("ca.pem"), pem).expect("written");
        std::fs::write(folder.join("ca.key"), key.serialize_pem()).expect("written");
        folder
    }

    /// Starts a responder that answers with signatures of `signer`.
    fn responder(&self, signer: &Path) -> Responder {
        let path = |name: &str| self.folder.path().join(name);
        let mut process = Command::new("openssl")
            .args(["ocsp", "-port", "0", "-ndays", "3", "-index"])
            .arg(path("index.txt"))
            .arg("-CA")
            .arg(path("ca.pem"))
            .arg("-rsigner")
            .arg(signer.join("ca.pem"))
            .arg("-rkey")
            .arg(signer.join("ca.key"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl starts");
        let said = BufReader::new(process.stdout.take().expect("its output"));
        let accepts = said.lines().map_while(Result::ok).find(|line| line.starts_with("ACCEPT"));
        let port = accepts
            .expect("it listens")
            .split_whitespace()
            .find_map(|word| word.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()));
        Responder { process, url: format!("http://127.0.0.1:{}", port.expect("a port")) }
    }

    /// A key and a chain in PEM that names this responder.
    fn certify(&self, serial: u64, responder: &str, year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(["example.com".to_owned()]).expect("sound");
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 2);
        // AccessDescription, of id-ad-ocsp and a URI.
        let element = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).expect("short")], content].concat();
        let method = element(6, &[0x2b, 6, 1, 5, 5, 7, 0x30, 1]);
        let access = element(0x30, &[method, element(0x86, responder.as_bytes())].concat());
        let access = element(0x30, &access);
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access)];
        let key = KeyPair::generate().expect("a key");
        let own = params.signed_by(&key, &self.issuer).expect("signed");
        (key.serialize_pem() + &own.pem() + &self.pem).into_bytes()
    }
}

/// Looks once at a certificate, and tells what is sent along with it and what the log says.
async fn look(pem: &[u8]) -> (Option<Vec<u8>>, String) {
    let certificates = Arc::new(ManagedCertificates::default());
    certificates.install("example.com", pem).expect("sound");
    let lines = Memory::default();
    let log = Log::to(Level::Debug, Box::new(lines.clone()));
    let settings = ClientSettings { ca_file: None, timeout: TIMEOUT, max_body: MAX_BODY };
    let mut staples = Staples { client: HttpClient::new(settings).expect("a client"), known: HashMap::new() };
    staples.round(&certificates, &log).await;
    let (_, key) = certificates.in_memory().remove(0);
    (key.ocsp.clone(), lines.text())
}

#[tokio::test]
async fn a_good_response_is_sent_along_and_no_other() {
    let authority = Authority::new();
    let responder = authority.responder(authority.folder.path());
    let good = authority.certify(GOOD, &responder.url, 2049);
    let (response, lines) = look(&good).await;
    let (response, own) = (response.expect("a response"), own(&good));
    assert_eq!(ocsp::read(&response, &own, time_of_day()), Ok(ocsp::Answer::Good), "{lines}");
    let (from, until) = ocsp::validity(&response, &own).expect("it says until when");
    assert_eq!(until.duration_since(from).ok(), Some(Duration::from_secs(3 * 24 * 60 * 60)));
    for (serial, why) in [(REVOKED, "it was revoked"), (UNKNOWN, "does not know it")] {
        let (response, lines) = look(&authority.certify(serial, &responder.url, 2049)).await;
        assert_eq!(response, None);
        assert!(
            lines.contains("no OCSP response for the certificate of example.com: ") && lines.contains(why),
            "{lines}"
        );
    }
    let (response, lines) = look(&authority.certify(GOOD, &responder.url, 2026)).await;
    assert_eq!((response, lines.as_str()), (None, ""), "it lives a day");
}

#[tokio::test]
async fn a_response_that_somebody_else_has_signed_is_not_sent_along() {
    let (authority, other) = (Authority::new(), Authority::new());
    let responder = authority.responder(other.folder.path());
    let (response, lines) = look(&authority.certify(GOOD, &responder.url, 2049)).await;
    assert_eq!(response, None);
    assert!(lines.contains("is not signed by its issuer"), "{lines}");
}

#[tokio::test]
async fn an_authority_may_have_a_responder_of_its_own_and_no_other_of_its_certificates_will_do() {
    let authority = Authority::new();
    for (purpose, is_good) in
        [(ExtendedKeyUsagePurpose::OcspSigning, true), (ExtendedKeyUsagePurpose::ServerAuth, false)]
    {
        let responder = authority.responder(&authority.delegate(vec![purpose]));
        let (response, lines) = look(&authority.certify(GOOD, &responder.url, 2049)).await;
        assert_eq!(response.is_some(), is_good, "{lines}");
    }
}

#[tokio::test]
async fn a_responder_that_is_away_costs_a_line() {
    let authority = Authority::new();
    let (response, lines) = look(&authority.certify(GOOD, "http://127.0.0.1:9", 2049)).await;
    assert_eq!(response, None);
    assert!(lines.contains("no OCSP response for the certificate of example.com: POST http://127.0.0.1:9"), "{lines}");
}

fn own(pem: &[u8]) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::from_pem_slice(pem).expect("a certificate").to_vec()
}

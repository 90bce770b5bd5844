use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use super::*;

#[tokio::test]
async fn a_request_has_its_names_in_the_extension_and_in_the_subject_only_if_that_is_needed() {
    let names = ["example.com".to_owned(), "*.example.com".to_owned()];
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
        let key = kind.generate().await.expect("a key");
        for (common_name, subject) in [(false, ""), (true, "CN=example.com")] {
            let der = request(&names, &key, common_name).expect("a request");
            let (_, parsed) = X509CertificationRequest::from_der(&der).expect("a request");
            assert_eq!(parsed.certification_request_info.subject.to_string(), subject);
            let extensions = parsed.requested_extensions().expect("extensions");
            let found = extensions.into_iter().find_map(|extension| match extension {
                ParsedExtension::SubjectAlternativeName(found) => Some(found.general_names.len()),
                _ => None,
            });
            assert_eq!(found, Some(2), "{kind:?}");
        }
    }
}

#[test]
fn a_name_that_is_too_long_for_a_subject_stands_in_the_extension_alone() {
    let long = format!("{}.example.com", "a".repeat(60));
    let key = KeyPair::generate().expect("a key");
    let der = request(&[long], &key, true).expect("a request");
    let (_, parsed) = X509CertificationRequest::from_der(&der).expect("a request");
    assert_eq!(parsed.certification_request_info.subject.to_string(), "");
}

#[test]
fn the_answer_to_tls_alpn_01_has_the_digest_in_a_critical_extension() {
    let pem = alpn_answer("example.com", &[7; 32]).expect("a certificate");
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).expect("a certificate");
    let extension = parsed.extensions().iter().find(|extension| extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.31");
    let extension = extension.expect("the extension");
    assert!(extension.critical);
    assert_eq!(extension.value, [&[4, 32][..], &[7; 32]].concat());
}

#[test]
fn kinds_of_keys_are_known_by_name() {
    assert_eq!(
        KeyKind::NAMES.map(KeyKind::of),
        [Some(KeyKind::P256), Some(KeyKind::P384), Some(KeyKind::Rsa2048), Some(KeyKind::Rsa4096)]
    );
    assert_eq!(KeyKind::of("p521"), None);
}

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;

use super::*;

fn identity(names: &[&str]) -> ServerCertificate {
    let key = KeyPair::generate().expect("a key");
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names).expect("parameters").self_signed(&key).expect("a certificate");
    let der = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    ServerCertificate::new(vec![certificate.der().clone()], der, &default_provider()).expect("they belong together")
}

#[test]
fn a_star_in_a_certificate_is_one_label() {
    let identity = identity(&["a.example", "*.b.example"]);
    for (domain, covered) in [
        ("a.example", true),
        ("A.Example.", true),
        ("x.b.example", true),
        ("*.b.example", true),
        ("b.example", false),
        ("x.y.b.example", false),
        ("*.a.example", false),
    ] {
        assert_eq!(identity.covers(domain), covered, "{domain}");
    }
}

#[test]
fn the_end_of_a_certificate_is_told_before_it_comes() {
    let identity =
        ServerCertificate { valid: (UNIX_EPOCH + 10 * SOON, UNIX_EPOCH + 20 * SOON), ..identity(&["a.example"]) };
    let told = |times: f64| identity.warning("a.pem", UNIX_EPOCH + SOON.mul_f64(times)).unwrap_or_default();
    assert!(told(9.9).contains("is not valid before"));
    assert_eq!(told(10.1), "");
    assert_eq!(told(18.9), "");
    assert!(told(19.1).contains("expires on"));
    assert!(told(20.1).contains("expired on"));
}

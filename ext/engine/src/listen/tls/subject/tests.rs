use rcgen::{CertificateParams, DnType, KeyPair, SanType, SerialNumber};

use super::*;

fn subject(change: impl FnOnce(&mut CertificateParams)) -> Subject {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name = rcgen::DistinguishedName::new();
    change(&mut params);
    let certificate = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
    Subject::of(certificate.der())
}

#[test]
fn a_name_is_written_escaped_from_its_most_particular_part() {
    let subject = subject(|params| {
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        params.distinguished_name.push(DnType::CommonName, "alice,CN=admin\r\nX: y");
    });
    assert_eq!(&*subject.subject, "CN=alice\\,CN\\=admin\\0D\\0AX: y,O=Example\\, Inc.,C=DE");
    assert_eq!(subject.subject, subject.issuer);
}

#[test]
fn other_names_are_told_with_their_kind() {
    let subject = subject(|params| {
        params.subject_alt_names = vec![
            SanType::DnsName("a.example".try_into().expect("a name")),
            SanType::URI("spiffe://x/a, DNS:admin".try_into().expect("a name")),
            SanType::IpAddress("2001:db8::1".parse().expect("an address")),
        ];
    });
    assert_eq!(&*subject.names, "DNS:a.example, URI:spiffe://x/a\\, DNS:admin, IP:2001:db8::1");
}

#[test]
fn a_serial_number_has_no_zero_that_is_only_its_sign() {
    let subject = subject(|params| params.serial_number = Some(SerialNumber::from_slice(&[0x80, 0xab])));
    assert_eq!(&*subject.serial, "80AB");
    assert_eq!(subject.fingerprint.len(), 64);
}

#[test]
fn what_is_no_certificate_has_a_fingerprint_alone() {
    let subject = Subject::of(&CertificateDer::from(vec![1, 2, 3]));
    assert_eq!((&*subject.subject, &*subject.names, subject.fingerprint.len()), ("", "", 64));
}

use super::*;

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let length = u16::try_from(contents.len()).expect("short").to_be_bytes();
    [&[tag, 0x82][..], &length, &contents].concat()
}

/// An OCSP response about the certificate with this serial number and this issuer.
fn answer(issuer: &[u8], serial: &[u8], status: u8, from: &[u8], until: &[u8]) -> Vec<u8> {
    let name = digest(&SHA1_FOR_LEGACY_USE_ONLY, issuer);
    let algorithm = der(SEQUENCE, &[&der(6, &[SHA1_OID])]);
    let id =
        der(SEQUENCE, &[&algorithm, &der(OCTETS, &[name.as_ref()]), &der(OCTETS, &[b"key"]), &der(INTEGER, &[serial])]);
    let single = der(SEQUENCE, &[&id, &der(status, &[]), &der(0x18, &[from]), &der(0xa0, &[&der(0x18, &[until])])]);
    let data = der(SEQUENCE, &[&der(0xa1, &[]), &der(0x18, &[from]), &der(SEQUENCE, &[&single])]);
    let basic = der(SEQUENCE, &[&data]);
    let typed = der(SEQUENCE, &[&der(6, &[b"basic"]), &der(OCTETS, &[&basic])]);
    der(SEQUENCE, &[&der(ENUMERATED, &[&[0]]), &der(0xa0, &[&typed])])
}

#[test]
fn an_answer_is_held_against_the_certificate_and_the_clock() {
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
    let own = made.cert.der();
    let (_, parsed) = x509_parser::parse_x509_certificate(own).expect("a certificate");
    let (issuer, serial) = (parsed.issuer().as_raw(), parsed.raw_serial());
    let now = UNIX_EPOCH + Duration::from_secs(1_780_000_000); // 2026-05-28
    let (past, before, after) = (&b"20260101000000Z"[..], &b"20260501000000Z"[..], &b"20260701000000Z"[..]);
    for (status, from, until, expected) in [
        (0x80, before, after, Answer::Good),
        (0xa1, before, after, Answer::Revoked),
        (0x82, before, after, Answer::Unknown),
        (0x80, past, before, Answer::Expired),
        (0x80, after, after, Answer::Early),
    ] {
        assert_eq!(read(&answer(issuer, serial, status, from, until), own, now), Ok(expected));
    }
    for other in [answer(b"another issuer", serial, 0x80, before, after), answer(issuer, b"\x05", 0x80, before, after)]
    {
        assert_eq!(read(&other, own, now), Err(Wrong::Another));
    }
    let later = der(SEQUENCE, &[&der(ENUMERATED, &[&[3]])]);
    assert_eq!(read(&later, own, now), Err(Wrong::Failed("tryLater")));
}

#[test]
fn what_is_cut_short_is_no_answer() {
    let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
    let whole = answer(b"issuer", b"\x05", 0x80, b"20260101000000Z", b"20260701000000Z");
    for length in 0..whole.len() {
        assert!(read(&whole[..length], made.cert.der(), UNIX_EPOCH).is_err(), "{length}");
    }
}

use rcgen::{generate_simple_self_signed, CertifiedKey};

use super::*;

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("a path")
}

fn made(name: &str) -> (String, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    (cert.pem(), signing_key.serialize_pem())
}

#[test]
fn what_editors_and_other_systems_leave_behind_is_forgiven() {
    let ((one, key), (two, _)) = (made("one.example"), made("two.example"));
    let plain = format!("{one}{two}{key}");
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for (case, bytes) in [
        ("as it was made", plain.clone().into_bytes()),
        ("no newline between blocks", format!("{}{}{}", one.trim_end(), two.trim_end(), key.trim_end()).into_bytes()),
        ("lines that end in CR and LF", plain.replace('\n', "\r\n").into_bytes()),
        ("lines that end in CR", plain.replace('\n', "\r").into_bytes()),
        ("a byte order mark", format!("\u{feff}{plain}").into_bytes()),
        ("UTF-16", [&[0xff, 0xfe][..], &utf16(&plain)].concat()),
        ("spaces around lines", plain.replace('\n', " \t\n  ").into_bytes()),
        ("text around blocks", format!("Bag Attributes\n    friendlyName: x\n{plain}subject=CN = x\n").into_bytes()),
        ("an older label", plain.replace(" CERTIFICATE", " X509 CERTIFICATE").into_bytes()),
        (
            "parameters of the curve",
            format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{plain}")
                .into_bytes(),
        ),
        ("all in one line", plain.replace('\n', "").into_bytes()),
    ] {
        let file = file(&bytes);
        assert_eq!(certificates("certificate", path(&file)).expect(case).len(), 2, "{case}");
        private_key("key", path(&file)).expect(case);
    }
}

#[test]
fn remarks_behind_a_trusted_certificate_are_left_out() {
    let made = generate_simple_self_signed(["one.example".to_owned()]).expect("a certificate");
    let der = made.cert.der().to_vec();
    let with_remarks = [&der[..], &[0x30, 0x03, 0x0c, 0x01, b'x']].concat();
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(with_remarks);
    let file =
        file(format!("-----BEGIN TRUSTED CERTIFICATE-----\n{body}\n-----END TRUSTED CERTIFICATE-----\n").as_bytes());
    let found = certificates("ca_file", path(&file)).expect("a certificate");
    assert_eq!(found[0].as_ref(), der);
}

#[test]
fn what_cannot_be_used_is_told_in_plain_words() {
    let (one, key) = made("one.example");
    let der = generate_simple_self_signed(["one.example".to_owned()]).expect("a certificate").cert.der().to_vec();
    let cut = one.split("-----END").next().expect("a beginning").to_owned();
    for (bytes, certificate, remedy) in [
        (der, true, "is binary: write it as PEM, as in openssl x509 -inform der"),
        (cut.into_bytes(), true, "a block in it has no END line"),
        (one.replace("MII", "M?I").into_bytes(), true, "is not valid base64"),
        (one.replace("CERTIFICATE-----", "CERTIFICATE---").into_bytes(), true, "does not end in five hyphens"),
        (Vec::new(), true, "contains no certificate"),
        (one.into_bytes(), false, "contains no private key"),
        (key.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE").into_bytes(), false, "is encrypted"),
    ] {
        let file = file(&bytes);
        let error = match certificate {
            true => certificates("certificate", path(&file)).expect_err(remedy),
            false => private_key("key", path(&file)).expect_err(remedy),
        };
        assert!(error.contains(remedy), "{error}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let error = certificates("certificate", folder.path().to_str().expect("a path")).expect_err("a folder");
    assert!(error.contains("is a folder"), "{error}");
}

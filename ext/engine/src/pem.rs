//! Certificates and keys in PEM files.

use std::borrow::Cow;

use memchr::memmem;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::files;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Other labels of a certificate that OpenSSL reads and writes.
const CERTIFICATE_LABELS: [&[u8]; 2] = [b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"];

/// Every certificate in the file of an option. The error names the option and the file.
pub(crate) fn certificates(option: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(option, path)?;
    let text = tidy(&bytes);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(match binary(&bytes) {
            true => format!(
                "{option}: {path:?} is binary: write it as PEM, as in openssl x509 -inform der -in {path} -out \
                 {path}.pem (of a PKCS#12 file: openssl pkcs12 -in {path} -nodes -out {path}.pem)"
            ),
            false => format!("{option}: {path:?} contains no certificate: it must be a PEM file (BEGIN CERTIFICATE)"),
        }),
        Ok(found) => Ok(found.into_iter().map(alone).collect()),
        Err(error) => Err(damaged(option, path, &error)),
    }
}

/// The first private key in the file of an option.
pub(crate) fn private_key(option: &str, path: &str) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(option, path)?;
    PrivateKeyDer::from_pem_slice(&tidy(&bytes)).map_err(|error| match error {
        _ if is_encrypted(&bytes) => format!(
            "{option}: {path:?} is encrypted, and nobody is there to type its password: write it without one, as in \
             openssl pkey -in {path} -out plain.key"
        ),
        pem::Error::NoItemsFound if binary(&bytes) => format!(
            "{option}: {path:?} is binary: write it as PEM, as in openssl pkey -inform der -in {path} -out {path}.pem"
        ),
        pem::Error::NoItemsFound => format!(
            "{option}: {path:?} contains no private key: it must be a PEM file (BEGIN PRIVATE KEY), not encrypted"
        ),
        error => damaged(option, path, &error),
    })
}

/// The bytes of the file of an option.
pub(crate) fn read(option: &str, path: &str) -> Result<Vec<u8>, String> {
    files::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::IsADirectory => format!("{option}: {path:?} is a folder: write the path of a file in it"),
        _ => format!("{option}: {path:?} cannot be read: {error}"),
    })
}

fn damaged(option: &str, path: &str, error: &pem::Error) -> String {
    let what = match error {
        pem::Error::MissingSectionEnd { .. } => "a block in it has no END line",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line in it does not end in five hyphens",
        pem::Error::Base64Decode(_) => "what is between BEGIN and END is not valid base64",
        _ => "it cannot be read as PEM",
    };
    format!("{option}: {path:?} is damaged: {what}; copy it again")
}

/// Whether a key is encrypted with a password: PKCS#8 says so in its label, older forms in a line below it.
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |text: &str| memmem::find(pem, text.as_bytes()).is_some();
    has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED")
}

/// Whether the bytes begin like a DER structure, not like text.
fn binary(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0x84, ..])
}

/// The text in the form that a strict parser accepts. Remains of editors, `cat` and other systems are removed, as
/// OpenSSL does: a byte order mark, UTF-16, spaces around lines, a block that begins in the line in which the one
/// before it ends, other labels.
fn tidy(bytes: &[u8]) -> Vec<u8> {
    let text = in_utf8(bytes);
    let mut out = Vec::with_capacity(text.len() + 64);
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let mut rest = line.trim_ascii();
        while let Some(Marker { before, keyword, label, after }) = Marker::find(rest) {
            push_line(&mut out, before);
            let label = if CERTIFICATE_LABELS.contains(&label) { b"CERTIFICATE" } else { label };
            push_line(&mut out, &[keyword, label, DASHES].concat());
            rest = after;
        }
        push_line(&mut out, rest);
    }
    out
}

fn push_line(out: &mut Vec<u8>, line: &[u8]) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}

/// The first BEGIN or END marker in a line.
struct Marker<'a> {
    before: &'a [u8],
    keyword: &'static [u8],
    label: &'a [u8],
    after: &'a [u8],
}

impl<'a> Marker<'a> {
    fn find(line: &'a [u8]) -> Option<Self> {
        let begin = memmem::find(line, BEGIN).map(|at| (at, BEGIN));
        let end = memmem::find(line, END).map(|at| (at, END));
        let (at, keyword) = [begin, end].into_iter().flatten().min()?;
        let (before, rest) = (&line[..at], &line[at + keyword.len()..]);
        let close = memmem::find(rest, DASHES)?;
        Some(Self { before, keyword, label: &rest[..close], after: &rest[close + DASHES.len()..] })
    }
}

fn in_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let decoded = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<_> = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        Cow::Owned(String::from_utf16_lossy(&units).into_bytes())
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        [0xff, 0xfe, rest @ ..] => decoded(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => decoded(rest, u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}

/// The certificate without trailing data: OpenSSL's TRUSTED CERTIFICATE stores its own notes there.
fn alone(certificate: CertificateDer<'static>) -> CertificateDer<'static> {
    match x509_parser::parse_x509_certificate(&certificate) {
        Ok((rest, _)) if !rest.is_empty() => {
            let length = certificate.len() - rest.len();
            CertificateDer::from(certificate[..length].to_vec())
        }
        _ => certificate,
    }
}

#[cfg(test)]
mod tests;

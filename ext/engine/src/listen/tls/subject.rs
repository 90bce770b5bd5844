//! Text form of a client certificate's fields.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid2abbrev, oid_registry};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::policy::fingerprint;

/// Fields of a certificate for string rewrites.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Subject {
    /// `CN=alice,O=Example` (RFC 4514): the most specific part first.
    pub(super) subject: Box<str>,
    /// Name of the issuer, in the form of `subject`.
    pub(super) issuer: Box<str>,
    /// Serial number in hexadecimal digits.
    pub(super) serial: Box<str>,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub(super) fingerprint: Box<str>,
    /// Subject alternative names: `DNS:alice.example, email:alice@example.com`.
    pub(super) names: Box<str>,
}

impl Subject {
    /// Parses a certificate. It was verified, so it can be parsed; a field that cannot be is empty.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut subject = Self { fingerprint: hex(&fingerprint(certificate), false), ..Self::default() };
        if let Ok((_, certificate)) = X509Certificate::from_der(certificate) {
            subject.subject = name(certificate.subject());
            subject.issuer = name(certificate.issuer());
            subject.serial = serial(certificate.raw_serial());
            subject.names = names(&certificate);
        }
        subject
    }
}

/// A name as RFC 4514 writes it.
fn name(name: &X509Name<'_>) -> Box<str> {
    let mut out = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for (index, part) in parts.into_iter().rev().enumerate() {
        for (nth, attribute) in part.iter().enumerate() {
            match (index, nth) {
                (0, 0) => {}
                (_, 0) => out.push(','),
                _ => out.push('+'),
            }
            write_attribute(attribute, &mut out);
        }
    }
    out.into()
}

fn write_attribute(attribute: &AttributeTypeAndValue<'_>, out: &mut String) {
    match oid2abbrev(attribute.attr_type(), oid_registry()) {
        Ok(abbreviation) => out.push_str(abbreviation),
        Err(_) => out.push_str(&attribute.attr_type().to_id_string()),
    }
    out.push('=');
    match attribute.as_str() {
        Ok(value) => write_escaped(value, out),
        // `#` and the bytes: the RFC's form for values that are not text.
        Err(_) => {
            out.push('#');
            out.push_str(&hex(attribute.as_slice(), true));
        }
    }
}

/// Escapes characters that would otherwise end a value or begin another one.
fn write_escaped(value: &str, out: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, letter) in value.chars().enumerate() {
        let special = matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=')
            || (index == 0 && matches!(letter, ' ' | '#'))
            || (index == last && letter == ' ');
        if letter.is_control() {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "\\{byte:02X}");
            }
            continue;
        }
        if special {
            out.push('\\');
        }
        out.push(letter);
    }
}

/// A number without the leading zero byte that only keeps it from being negative.
fn serial(bytes: &[u8]) -> Box<str> {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => hex(rest, true),
        bytes => hex(bytes, true),
    }
}

fn names(certificate: &X509Certificate<'_>) -> Box<str> {
    let mut out = String::new();
    let Ok(Some(all)) = certificate.subject_alternative_name() else { return out.into() };
    for name in &all.value.general_names {
        let (kind, value) = match name {
            GeneralName::DNSName(name) => ("DNS", (*name).to_owned()),
            GeneralName::RFC822Name(name) => ("email", (*name).to_owned()),
            GeneralName::URI(name) => ("URI", (*name).to_owned()),
            GeneralName::IPAddress(bytes) => match address(bytes) {
                Some(address) => ("IP", address),
                None => continue,
            },
            _ => continue,
        };
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(kind);
        out.push(':');
        // A name with a comma in it must not look like two names.
        write_escaped(&value, &mut out);
    }
    out.into()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string())
}

fn hex(bytes: &[u8], upper: bool) -> Box<str> {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
    }
    out.into()
}

#[cfg(test)]
mod tests;

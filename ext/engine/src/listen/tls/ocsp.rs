//! OCSP responses (RFC 6960), parsed as far as needed to decide whether to staple them. Clients verify the signature;
//! of responses from the network it is verified here too.

mod signature;

pub(crate) use signature::is_signed_by;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{digest, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

const SEQUENCE: u8 = 0x30;
const ENUMERATED: u8 = 0x0a;
const OCTETS: u8 = 0x04;
const INTEGER: u8 = 0x02;
const SHA1_OID: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA256_OID: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

/// Tolerated difference between clocks.
const LEEWAY: Duration = Duration::from_secs(300);

/// Status of a certificate in an OCSP response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The certificate is good.
    Good,
    /// The certificate is revoked.
    Revoked,
    /// The authority does not know the certificate.
    Unknown,
    /// The response is no longer valid.
    Expired,
    /// The response is not valid yet.
    Early,
}

/// Why a response is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The response cannot be parsed.
    NoAnswer,
    /// The authority could not answer. The text is its reason.
    Failed(&'static str),
    /// The response is about another certificate.
    Another,
}

/// The status of `certificate` in `answer`.
pub(crate) fn read(answer: &[u8], certificate: &[u8], now: SystemTime) -> Result<Answer, Wrong> {
    let Some(single) = single(answer, certificate)? else { return Ok(Answer::Unknown) };
    judge(single, now).ok_or(Wrong::NoAnswer)
}

/// From when to when what `answer` says of `certificate` is valid. `None` if it does not say until when.
pub(crate) fn validity(answer: &[u8], certificate: &[u8]) -> Option<(SystemTime, SystemTime)> {
    let (_, _, rest) = element(single(answer, certificate).ok()??)?;
    let (from, rest) = moment(rest)?;
    let (until, _) = take(rest, 0xa0).and_then(|(next, _)| moment(next))?;
    Some((from, until))
}

/// The bytes behind the CertID of `certificate`. `None` if the certificate cannot be parsed.
fn single<'a>(answer: &'a [u8], certificate: &[u8]) -> Result<Option<&'a [u8]>, Wrong> {
    let Some(responses) = responses(answer) else {
        return Err(failure(answer).map_or(Wrong::NoAnswer, Wrong::Failed));
    };
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(certificate) else { return Ok(None) };
    let mut rest = responses;
    while !rest.is_empty() {
        let (single, behind) = take(rest, SEQUENCE).ok_or(Wrong::NoAnswer)?;
        rest = behind;
        let (id, after) = take(single, SEQUENCE).ok_or(Wrong::NoAnswer)?;
        if is_about(id, certificate.raw_serial(), certificate.issuer().as_raw()) {
            return Ok(Some(after));
        }
    }
    Err(Wrong::Another)
}

/// The list of single responses.
fn responses(answer: &[u8]) -> Option<&[u8]> {
    let (data, _) = take(basic(answer)?, SEQUENCE)?;
    // In order: an optional version, the responder, the time, and the list.
    let rest = take(data, 0xa0).map_or(data, |(_, rest)| rest);
    let (_, _, rest) = element(rest)?;
    let (_, _, rest) = element(rest)?;
    Some(take(rest, SEQUENCE)?.0)
}

/// The content of a BasicOCSPResponse: what is signed, and the signature.
fn basic(answer: &[u8]) -> Option<&[u8]> {
    let (response, _) = take(answer, SEQUENCE)?;
    let (status, rest) = take(response, ENUMERATED)?;
    if status != [0] {
        return None;
    }
    let (typed, _) = take(take(rest, 0xa0)?.0, SEQUENCE)?;
    let (_, _, rest) = element(typed)?;
    Some(take(take(rest, OCTETS)?.0, SEQUENCE)?.0)
}

/// The reason of a response without an answer (RFC 6960, section 4.2.1).
fn failure(answer: &[u8]) -> Option<&'static str> {
    let (response, _) = take(answer, SEQUENCE)?;
    match take(response, ENUMERATED)?.0 {
        [1] => Some("malformedRequest"),
        [2] => Some("internalError"),
        [3] => Some("tryLater"),
        [5] => Some("sigRequired"),
        [6] => Some("unauthorized"),
        _ => None,
    }
}

/// Whether a CertID belongs to a certificate. An unknown digest algorithm is left to clients.
fn is_about(id: &[u8], serial: &[u8], issuer: &[u8]) -> bool {
    let parts = || {
        let (algorithm, rest) = take(id, SEQUENCE)?;
        let (_, oid, _) = element(algorithm)?;
        let (name, rest) = take(rest, OCTETS)?;
        let (_, _, rest) = element(rest)?;
        Some((oid, name, take(rest, INTEGER)?.0))
    };
    let Some((oid, name, number)) = parts() else { return false };
    let algorithm: Option<&Algorithm> = match oid {
        SHA1_OID => Some(&SHA1_FOR_LEGACY_USE_ONLY),
        SHA256_OID => Some(&SHA256),
        _ => None,
    };
    number == serial && algorithm.is_none_or(|algorithm| digest(algorithm, issuer).as_ref() == name)
}

/// The status and its validity, from the bytes behind the CertID.
fn judge(rest: &[u8], now: SystemTime) -> Option<Answer> {
    let (tag, _, rest) = element(rest)?;
    let (from, rest) = moment(rest)?;
    let until = take(rest, 0xa0).and_then(|(next, _)| moment(next)).map(|(until, _)| until);
    Some(match tag & 0x1f {
        1 => Answer::Revoked,
        2 => Answer::Unknown,
        _ if until.is_some_and(|until| until + LEEWAY < now) => Answer::Expired,
        _ if from > now + LEEWAY => Answer::Early,
        _ => Answer::Good,
    })
}

fn moment(bytes: &[u8]) -> Option<(SystemTime, &[u8])> {
    let (rest, time) = ASN1Time::from_der(bytes).ok()?;
    Some((UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).ok()?), rest))
}

/// The content of the first element, which must have the tag, and the bytes behind the element.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, contents, rest) = element(bytes)?;
    (found == tag).then_some((contents, rest))
}

/// The tag and content of the first element, and the bytes behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

#[cfg(test)]
mod tests;

//! Failures of the client in words for a person.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// What is at the bottom of an error: a hyper error wraps what happened to the connection.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    loop {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref::<rustls::Error>() {
            return format!("its certificate is not trusted: {}", distrust(why));
        }
        if let Some(told) = error.downcast_ref::<io::Error>().and_then(|error| network(error.kind())) {
            return told.into();
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return CLOSED.into();
        }
        match below(error) {
            Some(inner) => error = inner,
            None => return error.to_string(),
        }
    }
}

const CLOSED: &str = "it has closed the connection in the middle";

fn network(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => "nobody listens there (connection refused)",
        io::ErrorKind::ConnectionReset => "it has reset the connection",
        io::ErrorKind::UnexpectedEof => CLOSED,
        _ => return None,
    })
}

/// The error inside `error`. That of an I/O error is no source of it.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inside.map(|inside| inside as &(dyn Error + 'static)).or_else(|| error.source())
}

fn distrust(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired, or this machine's clock is wrong".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet, or this machine's clock is wrong".into()
        }
        CertificateError::UnknownIssuer => {
            "nobody who is trusted has issued it; name the issuer's certificate with `ca_file`".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for other names".into()
        }
        why => rustls::Error::InvalidCertificate(why.clone()).to_string(),
    }
}

/// A number of bytes for a person.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        _ => format!("{} KiB", bytes / 1024),
    }
}

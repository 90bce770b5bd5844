//! Certificates for development on the local machine, if `bind "https://localhost:8443"` names none.
//!
//! A certificate authority for this machine is created once, in the user's data folder, for the user to trust. It can
//! sign only names of this machine, so its key has little value for an attacker. At each start it signs a new
//! certificate, which is not saved.

mod authority;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::compile::Purpose;
use crate::config::BindConfig;
use authority::DevelopmentAuthority;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Lifetime of a certificate. Browsers refuse certificates that last much longer.
const LIFETIME: Duration = DAY.saturating_mul(397);
/// Names in every certificate.
const ALWAYS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A certificate chain, and the key of its first certificate.
pub(super) type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Whether a bind gets a certificate for development: it speaks https at an address of only this machine, and has no
/// option of a certificate.
pub(crate) fn is_wanted(bind: &BindConfig) -> bool {
    let none = bind.certificate.is_none() && bind.certificates.is_none() && bind.key.is_none() && bind.ocsp.is_none();
    none && host(&bind.url).is_some_and(is_local) && bind.domains.iter().flatten().all(|domain| is_local(domain))
}

/// The first name for which no certificate for development can be made, if the bind wants one.
pub(crate) fn foreign(bind: &BindConfig) -> Option<&str> {
    let here = BindConfig { domains: None, ..bind.clone() };
    let names = bind.domains.iter().flatten().map(String::as_str);
    is_wanted(&here).then_some(names)?.find(|name| !is_local(name))
}

/// Makes a certificate for a bind. A check writes no files: it uses a temporary authority if there is none yet.
pub(super) fn certify(bind: &BindConfig, purpose: Purpose) -> Result<Pair, String> {
    let folder = folder()?;
    let now = SystemTime::now();
    let authority = match purpose {
        Purpose::Start => DevelopmentAuthority::of(&folder, now)?,
        Purpose::Check => {
            DevelopmentAuthority::read(&folder, now)?.map_or_else(|| DevelopmentAuthority::new(now), Ok)?
        }
    };
    let mut names: Vec<_> = ALWAYS.iter().map(ToString::to_string).collect();
    for name in bind.domains.iter().flatten().map(String::as_str).chain(host(&bind.url)) {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.to_ascii_lowercase());
        }
    }
    issue(names, &authority, now).map_err(|error| format!("no certificate for development could be made: {error}"))
}

fn issue(names: Vec<String>, authority: &DevelopmentAuthority, now: SystemTime) -> Result<Pair, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "proxy development");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    authority::last(&mut params, now, LIFETIME);
    let key = KeyPair::generate()?;
    let certificate = authority.sign(&params, &key)?;
    Ok((vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into())))
}

/// Notice of a check while there is no authority yet. `None` once there is one.
pub(super) fn announcement() -> Option<String> {
    let folder = folder().ok()?;
    let missing = !authority::certificate_in(&folder).exists();
    missing.then(|| {
        format!(
            "there is no certificate: `proxy start` makes an authority for development in {:?} and signs with it; \
             write certificate: and key: to show one of your own",
            folder.display()
        )
    })
}

/// Instructions to make clients accept the certificate, line by line.
pub(crate) fn instructions(url: &str) -> Vec<String> {
    let Ok(folder) = folder() else { return Vec::new() };
    let path = authority::certificate_in(&folder);
    let file = path.display();
    vec![
        format!("{url}: uses a certificate for development; clients that trust {file} accept it:"),
        format!("  curl --cacert {file} {url}/"),
        format!(
            "  Debian, Ubuntu: sudo cp {file} /usr/local/share/ca-certificates/proxy-development.crt && sudo \
             update-ca-certificates"
        ),
        format!("  macOS: security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {file}"),
        format!(
            "  Chromium, and Firefox with its profile's folder: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n \
             proxy-development -i {file}"
        ),
    ]
}

/// Folder of the authority.
fn folder() -> Result<PathBuf, String> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    data.map(|data| in_data_folder(&data)).ok_or_else(|| {
        "there is no certificate, and no place for an authority for development: write certificate: \"tls/site.pem\", \
         key: \"tls/site.key\", or set HOME"
            .into()
    })
}

fn in_data_folder(data: &Path) -> PathBuf {
    data.join("proxy").join("development")
}

/// The host of an `https://` URL.
fn host(url: &str) -> Option<&str> {
    let authority = url.strip_prefix("https://")?;
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => authority.split([':', '/']).next(),
    };
    host.filter(|host| !host.is_empty())
}

/// Whether a name or an address means this machine, from any machine's point of view.
fn is_local(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.strip_suffix(".localhost").is_some_and(|rest| !rest.is_empty())
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests;

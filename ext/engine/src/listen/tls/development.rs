//! Certificates for one's own machine, where `bind "https://localhost:8443"` names none.
//!
//! An authority of this machine's own is made once, in the user's data folder, for the user to trust. It can vouch for
//! names of this machine alone, so that its key is worth little to anybody else. With it a certificate is made at each
//! start, and kept nowhere.

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
/// How long a certificate lasts. Browsers take none that lasts much longer.
const LIFETIME: Duration = DAY.saturating_mul(397);
/// Names that every certificate is for.
const ALWAYS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A chain, and the key of its first certificate.
pub(super) type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Whether a bind shows a certificate for development: it speaks https at an address of this machine alone, and says
/// nothing of a certificate.
pub(crate) fn is_wanted(bind: &BindConfig) -> bool {
    let none = bind.certificate.is_none() && bind.certificates.is_none() && bind.key.is_none() && bind.ocsp.is_none();
    none && host(&bind.url).is_some_and(is_local) && bind.domains.iter().flatten().all(|domain| is_local(domain))
}

/// The first name for which none can be made, where one is wanted.
pub(crate) fn foreign(bind: &BindConfig) -> Option<&str> {
    let here = BindConfig { domains: None, ..bind.clone() };
    let names = bind.domains.iter().flatten().map(String::as_str);
    is_wanted(&here).then_some(names)?.find(|name| !is_local(name))
}

/// Makes a certificate for a bind. To check a configuration, nothing is written: an authority that is not there yet is
/// made for the moment.
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

/// What a check says of it as long as there is no authority. `None` once there is.
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

/// How to have clients accept it, line by line.
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

/// Where the authority lives.
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

/// Whether a name or an address means this machine, whoever says it.
fn is_local(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.strip_suffix(".localhost").is_some_and(|rest| !rest.is_empty())
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests;

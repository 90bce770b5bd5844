//! The certificate authority that signs certificates for development.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{DAY, LIFETIME};

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";
/// Lifetime of the authority's certificate: ten years.
const AGE: Duration = DAY.saturating_mul(3652);

/// The authority's key and certificate.
pub(super) struct DevelopmentAuthority {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

/// Path of the certificate that clients must trust.
pub(super) fn certificate_in(folder: &Path) -> PathBuf {
    folder.join(CERTIFICATE)
}

impl DevelopmentAuthority {
    /// The authority in `folder`. It is created if absent, and renewed with its old key before a certificate that it
    /// signs would outlive it.
    pub(super) fn of(folder: &Path, now: SystemTime) -> Result<Self, String> {
        if let Some(authority) = Self::read(folder, now)? {
            return Ok(authority);
        }
        let failed = |error: io::Error| {
            format!("the authority for development cannot be kept in {folder:?}: {error}: write certificate: and key:")
        };
        if folder.join(KEY).exists() {
            let authority = Self::with_key(read_key(folder)?, now)?;
            replace(&certificate_in(folder), authority.pem.as_bytes()).map_err(failed)?;
            return Ok(authority);
        }
        Self::new(now)?.keep(folder).map_err(failed)?;
        // Another process may have been faster: then its authority is the one in use.
        Self::read(folder, now)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }

    /// The authority in `folder`, if there is one that does not end soon.
    pub(super) fn read(folder: &Path, now: SystemTime) -> Result<Option<Self>, String> {
        let path = certificate_in(folder);
        let pem = match fs::read(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(format!("{path:?} cannot be read: {error}: write certificate: and key:, or remove it"))
            }
        };
        let key = read_key(folder)?;
        match end(&pem, &key) {
            None => Err(unusable(&path)),
            Some(end) if end < now + LIFETIME => Ok(None),
            Some(_) => {
                let pem = String::from_utf8_lossy(&pem).into_owned();
                Ok(Some(Self { params: params(now), key, pem }))
            }
        }
    }

    /// A new authority, not saved.
    pub(super) fn new(now: SystemTime) -> Result<Self, String> {
        Self::with_key(KeyPair::generate().map_err(cannot)?, now)
    }

    fn with_key(key: KeyPair, now: SystemTime) -> Result<Self, String> {
        let params = params(now);
        let certificate: Certificate = params.self_signed(&key).map_err(cannot)?;
        Ok(Self { params, key, pem: certificate.pem() })
    }

    /// Signs a certificate.
    pub(super) fn sign(
        &self,
        leaf: &CertificateParams,
        key: &KeyPair,
    ) -> Result<CertificateDer<'static>, rcgen::Error> {
        let issuer = Issuer::from_params(&self.params, &self.key);
        Ok(leaf.signed_by(key, &issuer)?.der().clone())
    }

    /// Writes the authority to `folder`, unless another process has done so by now. Both files appear at once, together
    /// with their folder, so that no process finds one file without the other, or files of two authorities.
    fn keep(&self, folder: &Path) -> io::Result<()> {
        let parent = folder.parent().ok_or(io::ErrorKind::InvalidInput)?;
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        let made = parent.join(format!(".development-{}-{:016x}", std::process::id(), fastrand::u64(..)));
        DirBuilder::new().mode(0o700).create(&made)?;
        let written = write_new(&made.join(KEY), self.key.serialize_pem().as_bytes())
            .and_then(|()| write_new(&certificate_in(&made), self.pem.as_bytes()))
            .and_then(|()| fs::rename(&made, folder));
        if written.is_err() {
            let _ = fs::remove_dir_all(&made);
        }
        match written {
            Err(_) if certificate_in(folder).exists() => Ok(()),
            written => written,
        }
    }
}

/// Replaces a file atomically: writes another file first, then renames it.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut made = path.as_os_str().to_owned();
    made.push(format!(".{:016x}", fastrand::u64(..)));
    let made = PathBuf::from(made);
    write_new(&made, bytes)?;
    fs::rename(&made, path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_key(folder: &Path) -> Result<KeyPair, String> {
    let path = folder.join(KEY);
    let read = || {
        let mode = fs::metadata(&path)?.permissions().mode();
        Ok((mode, fs::read_to_string(&path)?))
    };
    let (mode, pem) = read().map_err(|error: io::Error| {
        format!("{path:?} cannot be read: {error}: remove {folder:?}, so that it is made again")
    })?;
    if mode & 0o077 != 0 {
        let (now, right) = (mode & 0o777, 0o600);
        return Err(format!(
            "{path:?} has the mode {now:o}, so that others may have read the key: remove {folder:?}, or \
             set it to {right:o}"
        ));
    }
    KeyPair::from_pem(&pem).map_err(|_| unusable(&path))
}

/// End of the certificate's validity. `None` if it cannot be parsed, or belongs to another key.
fn end(pem: &[u8], key: &KeyPair) -> Option<SystemTime> {
    let der = CertificateDer::from_pem_slice(pem).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    if certificate.public_key().subject_public_key.data != key.public_key_raw() {
        return None;
    }
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn unusable(path: &Path) -> String {
    let folder = path.parent().unwrap_or(path);
    format!("{path:?} cannot be used: remove {folder:?}, so that it is made again")
}

fn cannot(error: rcgen::Error) -> String {
    format!("no authority for development could be made: {error}")
}

/// Content of the authority's certificate. Only the time and the serial number differ between two of them.
fn params(now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "proxy development authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    // Excludes mail and code signing, which the name constraints below do not cover.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(NameConstraints {
        // Names below a permitted name are permitted too.
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".into()),
            GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])),
            GeneralSubtree::IpAddress(CidrSubnet::V6(std::net::Ipv6Addr::LOCALHOST.octets(), [255; 16])),
        ],
        excluded_subtrees: Vec::new(),
    });
    // Clients must not mistake a renewed certificate for the old one.
    params.serial_number = Some(SerialNumber::from_slice(&(fastrand::u64(..) >> 1).to_be_bytes()));
    last(&mut params, now, AGE);
    params
}

/// Makes it valid from yesterday, for clocks that are behind, until `age` from now.
pub(super) fn last(params: &mut CertificateParams, now: SystemTime, age: Duration) {
    params.not_before = (now - DAY).into();
    params.not_after = (now + age).into();
}

//! Authorities that are known by name.

/// What is known of an authority.
#[derive(Debug)]
pub(crate) struct KnownAuthority {
    /// Name in the configuration.
    pub(crate) name: &'static str,
    /// URL of its directory.
    pub(crate) url: &'static str,
    /// Where it binds a new account to the customer with an email address (RFC 8555, section 7.3.4), if it does.
    pub(crate) binding: Option<&'static str>,
    /// Whether it asks for an external account binding.
    pub(crate) needs_binding: bool,
    /// Whether a request needs a name in its subject too.
    pub(crate) common_name: bool,
    /// Name of the authority where orders are tried after a failure.
    pub(crate) rehearsal: Option<&'static str>,
}

const PLAIN: KnownAuthority =
    KnownAuthority { name: "", url: "", binding: None, needs_binding: false, common_name: false, rehearsal: None };

/// All of them.
pub(crate) const KNOWN: [KnownAuthority; 4] = [
    KnownAuthority {
        name: "letsencrypt",
        url: "https://acme-v02.api.letsencrypt.org/directory",
        rehearsal: Some("letsencrypt_staging"),
        ..PLAIN
    },
    KnownAuthority {
        name: "letsencrypt_staging",
        url: "https://acme-staging-v02.api.letsencrypt.org/directory",
        ..PLAIN
    },
    KnownAuthority {
        name: "zerossl",
        url: "https://acme.zerossl.com/v2/DV90",
        binding: Some("https://api.zerossl.com/acme/eab-credentials-email"),
        needs_binding: true,
        common_name: true,
        ..PLAIN
    },
    KnownAuthority { name: "google", url: "https://dv.acme-v02.api.pki.goog/directory", needs_binding: true, ..PLAIN },
];

impl KnownAuthority {
    /// The authority with this name, or with the directory at this URL.
    pub(crate) fn find(written: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.name == written || known.url == written)
    }
}

//! Keys that verify the signatures of tokens, and the algorithms that fit each key.
//!
//! The kind of the key decides how a signature is verified, never the token. Otherwise an attacker could sign with the
//! public key as if it were a shared secret.

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

use crate::compile::Report;

const HMAC: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
const P256: &[Algorithm] = &[Algorithm::ES256];
const P384: &[Algorithm] = &[Algorithm::ES384];
const ED25519: &[Algorithm] = &[Algorithm::EdDSA];

/// A key that verifies the signatures of tokens.
#[derive(Debug)]
pub(super) struct VerifyingKey {
    /// Identifier in a set of keys (`kid`).
    pub(super) id: Option<Box<str>>,
    pub(super) key: DecodingKey,
    /// Algorithms that the key fits and that are allowed.
    pub(super) algorithms: Vec<Algorithm>,
}

impl VerifyingKey {
    fn new(key: DecodingKey, algorithms: &[Algorithm]) -> Self {
        Self { id: None, key, algorithms: algorithms.to_vec() }
    }

    /// A shared secret.
    pub(super) fn of_secret(secret: &[u8]) -> Self {
        Self::new(DecodingKey::from_secret(secret), HMAC)
    }

    /// A public key in PEM. The error says what is wrong and what to write.
    pub(super) fn of_pem(pem: &[u8]) -> Result<Self, String> {
        const PUBLIC: &str = "write the public key, which begins with -----BEGIN PUBLIC KEY-----";
        let text = String::from_utf8_lossy(pem);
        let label = text.split_once("-----BEGIN ").and_then(|(_, rest)| rest.split_once("-----"));
        let label = label.map(|(label, _)| label).ok_or_else(|| format!("this is not valid PEM: {PUBLIC}"))?;
        match label {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
            "CERTIFICATE" => {
                return Err(
                    "this is a certificate: write its public key, as `openssl x509 -in FILE -noout -pubkey` prints it"
                        .into(),
                )
            }
            _ if label.ends_with("PRIVATE KEY") => {
                return Err(
                    "this is a private key, which belongs to whoever issues the tokens: write the public one, as \
                     `openssl pkey -in FILE -pubout` prints it"
                        .into(),
                )
            }
            _ => return Err(format!("this is a PEM of {label}: {PUBLIC}")),
        }
        if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
            return Self::of_rsa(key);
        }
        if let Ok(key) = DecodingKey::from_ec_pem(pem) {
            return Self::of_curve(key);
        }
        let key = DecodingKey::from_ed_pem(pem)
            .map_err(|_| "no such key is known here: write one of RSA, of the curve P-256 or P-384, or of Ed25519")?;
        sound(&key, &signature::ED25519, "Ed25519").map(|()| Self::new(key, ED25519))
    }

    fn of_rsa(key: DecodingKey) -> Result<Self, String> {
        // Length of the shortest encoding of a key of 2048 bits, and of the longest one of 8192.
        match key.try_get_as_bytes().map_or(0, <[u8]>::len) {
            ..256 => Err("an RSA key of less than 2048 bits is not safe: make a longer one".into()),
            1100.. => Err("an RSA key of more than 8192 bits is not supported: make a shorter one".into()),
            _ => sound(&key, &signature::RSA_PKCS1_2048_8192_SHA256, "RSA").map(|()| Self::new(key, RSA)),
        }
    }

    /// A key on an elliptic curve. The length of its point tells the curve.
    fn of_curve(key: DecodingKey) -> Result<Self, String> {
        match key.try_get_as_bytes().map_or(0, <[u8]>::len) {
            65 => sound(&key, &signature::ECDSA_P256_SHA256_FIXED, "P-256").map(|()| Self::new(key, P256)),
            97 => sound(&key, &signature::ECDSA_P384_SHA384_FIXED, "P-384").map(|()| Self::new(key, P384)),
            _ => Err("a key of this curve is not supported: make one of P-256 or P-384".into()),
        }
    }

    /// A key of a set; `None` if it is for another use, or of an unknown kind.
    fn of_jwk(jwk: &Jwk) -> Option<Self> {
        if jwk.common.public_key_use.as_ref().is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        let mut key = match &jwk.algorithm {
            AlgorithmParameters::OctetKey(_) => Self::new(key, HMAC),
            // Length in base64 of 2048 and of 8192 bits.
            AlgorithmParameters::RSA(rsa) => (341..=1368).contains(&rsa.n.len()).then(|| Self::new(key, RSA))?,
            AlgorithmParameters::EllipticCurve(_) => Self::of_curve(key).ok()?,
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                sound(&key, &signature::ED25519, "Ed25519").ok()?;
                Self::new(key, ED25519)
            }
            _ => return None,
        };
        if let Some(only) = jwk.common.key_algorithm {
            key.algorithms.retain(|algorithm| format!("{algorithm:?}") == only.to_string());
        }
        key.id = jwk.common.key_id.as_deref().map(Into::into);
        (!key.algorithms.is_empty()).then_some(key)
    }

    /// Kind of the key, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.key.family() {
            AlgorithmFamily::Hmac => "a secret",
            AlgorithmFamily::Rsa => "an RSA key",
            AlgorithmFamily::Ec => "an elliptic-curve key",
            AlgorithmFamily::Ed => "an Ed25519 key",
        }
    }
}

/// Checks that the bytes are a valid key, and do not just have its length.
fn sound(key: &DecodingKey, algorithm: &'static dyn VerificationAlgorithm, name: &str) -> Result<(), String> {
    let bytes = key.try_get_as_bytes().unwrap_or_default();
    match ParsedPublicKey::new(algorithm, bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("this is not a valid {name} key: write it as it was issued")),
    }
}

/// The keys of a set (RFC 7517) that can verify signatures. A member that is not understood is left out with a warning,
/// as section 5 of the RFC has it.
pub(super) fn of_set(json: &[u8], report: &mut Report<'_>) -> Result<Vec<VerifyingKey>, String> {
    const REMEDY: &str = "write the JSON that the issuer publishes, { \"keys\": [ … ] }";
    #[derive(serde::Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let set: Set =
        serde_json::from_slice(json).map_err(|error| format!("this is not a set of keys ({error}): {REMEDY}"))?;
    let mut keys = Vec::with_capacity(set.keys.len());
    for (index, member) in set.keys.into_iter().enumerate() {
        match serde_json::from_value::<Jwk>(member) {
            Ok(jwk) => keys.extend(VerifyingKey::of_jwk(&jwk)),
            Err(error) => {
                report.warning(format!("key {} of the set cannot be used ({error}), and is left out", index + 1))
            }
        }
    }
    match keys.is_empty() {
        true => Err(format!("there is no key in it that can verify a signature: {REMEDY}")),
        false => Ok(keys),
    }
}

/// The algorithm of that name.
pub(super) fn algorithm(name: &str) -> Result<Algorithm, String> {
    let all = [HMAC, RSA, P256, P384, ED25519].concat();
    if name.eq_ignore_ascii_case("none") {
        return Err(format!("{name:?} means that nothing is signed: leave it out"));
    }
    all.iter().copied().find(|algorithm| format!("{algorithm:?}") == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|algorithm| format!("{algorithm:?}")).collect();
        format!("{name:?} is not a supported algorithm: write some of {}", names.join(", "))
    })
}

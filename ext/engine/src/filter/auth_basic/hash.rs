//! Hashes of passwords.

use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::PasswordVerifier;
use argon2::Argon2;
use mcf::Base64;
use sha_crypt::ShaCrypt;

/// A hash that is slow to compute by design, so that an attacker who steals it cannot try out words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hash {
    /// bcrypt: `$2a$`, `$2b$`, `$2y$`.
    Bcrypt(Box<str>),
    /// `$5$` and `$6$`: SHA-256 and SHA-512 with thousands of rounds.
    ShaCrypt(sha_crypt::PasswordHash),
    /// Argon2: `$argon2id$`, `$argon2i$`, `$argon2d$`.
    Argon2(Box<Phc>),
}

const REMEDY: &str = "write the hash that `htpasswd -nB USER` or `openssl passwd -6` prints";

impl Hash {
    /// Reads a hash. The error says what is wrong with it and what to write, without showing the hash.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let kind = text.strip_prefix('$').and_then(|rest| rest.split('$').next());
        let Some(kind) = kind.filter(|_| text.matches('$').count() > 2) else {
            return Err(format!("{}: {REMEDY}", without_kind(text)));
        };
        let broken = || format!("the ${kind}$ hash is cut short or damaged: {REMEDY}");
        match kind {
            "2a" | "2b" | "2y" => match bcrypt::HashParts::from_str(text) {
                Ok(parts) if (4..=31).contains(&parts.get_cost()) => Ok(Hash::Bcrypt(text.into())),
                _ => Err(broken()),
            },
            "5" | "6" => sha_crypt_of(text).map(Hash::ShaCrypt).ok_or_else(broken),
            "argon2id" | "argon2i" | "argon2d" => argon2_of(text).map(Hash::Argon2).ok_or_else(broken),
            "apr1" | "1" => Err(format!("${kind}$ is MD5, which is no longer safe: {REMEDY}")),
            "2x" => Err(format!("$2x$ hashes were made by a version of bcrypt with a mistake in it: {REMEDY}")),
            "y" | "gy" | "7" | "scrypt" => Err(format!("${kind}$ hashes are not supported: {REMEDY}")),
            _ => Err(format!("${kind}$ is not a supported kind of hash: {REMEDY}")),
        }
    }

    /// Whether a comparison with either hash takes equally long, to the best of our knowledge.
    pub(super) fn costs_what(&self, other: &Self) -> bool {
        match (self, other) {
            (Hash::Bcrypt(one), Hash::Bcrypt(other)) => bcrypt_cost(one) == bcrypt_cost(other),
            (Hash::ShaCrypt(one), Hash::ShaCrypt(other)) => one.id() == other.id() && rounds(one) == rounds(other),
            (Hash::Argon2(one), Hash::Argon2(other)) => {
                one.algorithm == other.algorithm && one.version == other.version && one.params == other.params
            }
            _ => false,
        }
    }

    /// Whether this is the hash of `password`. This takes a long time by design.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        match self {
            Hash::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Hash::ShaCrypt(hash) => ShaCrypt::default().verify_password(password, hash).is_ok(),
            Hash::Argon2(hash) => Argon2::default().verify_password(password, &**hash).is_ok(),
        }
    }
}

/// The cost of a bcrypt hash: `05` in `$2y$05$…`.
fn bcrypt_cost(hash: &str) -> Option<&str> {
    hash.split('$').nth(2)
}

/// The number of rounds of a SHA-crypt hash.
fn rounds(hash: &sha_crypt::PasswordHash) -> Option<String> {
    const DEFAULT: &str = "5000";
    let first = hash.fields().next()?.as_str();
    Some(first.strip_prefix("rounds=").unwrap_or(DEFAULT).to_owned())
}

/// The likely meaning of a text that is not `$kind$…`, for a message.
fn without_kind(text: &str) -> String {
    if text.starts_with("{SHA}") || text.starts_with("{SSHA}") {
        return "a bare SHA-1 hash is no longer safe".into();
    }
    let crypt = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/');
    if text.len() == 13 && text.bytes().all(crypt) {
        return "this is a plain password, or a hash of the old crypt, which is no longer safe".into();
    }
    "this is not a hash, and a plain password must not be kept in a file".into()
}

fn sha_crypt_of(text: &str) -> Option<sha_crypt::PasswordHash> {
    let hash = sha_crypt::PasswordHash::new(text).ok()?;
    let mut parts: Vec<&str> = hash.fields().map(|field| field.as_str()).collect();
    // Programs that make such hashes change a number of rounds outside these limits.
    if parts.first()?.starts_with("rounds=") {
        let rounds: u32 = parts.remove(0).strip_prefix("rounds=")?.parse().ok()?;
        sha_crypt::Params::new(rounds).ok()?;
    }
    let [salt, digest] = parts[..] else { return None };
    let bytes = if hash.id() == "6" { 64 } else { 32 };
    let whole = Base64::Crypt.decode_vec(digest).is_ok_and(|digest| digest.len() == bytes);
    ((1..=16).contains(&salt.len()) && whole).then_some(hash)
}

fn argon2_of(text: &str) -> Option<Box<Phc>> {
    let mut hash = Phc::new(text).ok()?;
    argon2::Params::try_from(&hash).ok()?;
    // A hash without a version is of the one before RFC 9106, which wrote none.
    let version = *hash.version.get_or_insert(argon2::Version::V0x10.into());
    argon2::Version::try_from(version).ok()?;
    // Any length is allowed, but every program makes 16, 24, 32 or 64 bytes. A copy that lost its end has another
    // length.
    let whole = hash.hash.as_ref().is_some_and(|output| output.len() % 8 == 0);
    (hash.salt.is_some() && whole).then(|| Box::new(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes made by libcrypt, by `openssl passwd` and by argon2's reference implementation.
    const SOUND: [(&str, &str); 9] = [
        ("secret", "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"),
        ("secret", "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"),
        ("secret", "$2a$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"),
        ("secret", "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"),
        (
            "secret",
            "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.",
        ),
        (
            "secret",
            "$6$rounds=1000$saltsalt\
             $LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/",
        ),
        ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
        ("password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"),
        ("password", "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY"),
    ];

    #[test]
    fn knows_the_password_of_every_kind_of_hash() {
        for (password, text) in SOUND {
            let hash = Hash::parse(text).expect(text);
            assert!(hash.is_of(password.as_bytes()), "{text}");
            for wrong in ["", "Secret", "secret ", "passwor"] {
                assert!(!hash.is_of(wrong.as_bytes()), "{text} of {wrong:?}");
            }
        }
    }

    #[test]
    fn hashes_that_are_cut_short_are_refused() {
        for (_, text) in SOUND {
            for cut in [text.len() - 1, text.len() - 10, text.rfind('$').expect("a $") + 1] {
                assert!(Hash::parse(&text[..cut]).is_err(), "{}", &text[..cut]);
            }
        }
        let impossible = format!("$6$saltsalt${}", "a".repeat(86));
        for text in [
            impossible.as_str(),
            "$6$rounds=10$saltsalt$x",
            "$6$$",
            "$2y$99$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
        ] {
            let error = Hash::parse(text).expect_err(text);
            assert!(error.contains("cut short or damaged: write the hash that `htpasswd -nB USER`"), "{error}");
        }
    }

    #[test]
    fn what_is_no_safe_hash_is_refused_with_what_to_run() {
        for (text, why) in [
            ("secret", "this is not a hash, and a plain password must not be kept in a file"),
            ("", "this is not a hash"),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "a bare SHA-1 hash is no longer safe"),
            ("abNANd1rDfiNc", "a hash of the old crypt, which is no longer safe"),
            ("$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", "$apr1$ is MD5, which is no longer safe"),
            ("$1$saltsalt$9xy1btjgzLYfb7hivXtC//", "$1$ is MD5, which is no longer safe"),
            (
                "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0",
                "$y$ hashes are not supported",
            ),
            (
                "$2x$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
                "a version of bcrypt with a mistake in it",
            ),
            ("$md5$a$b$c", "$md5$ is not a supported kind of hash"),
        ] {
            let error = Hash::parse(text).expect_err(text);
            assert!(error.contains(why) && error.ends_with(REMEDY), "{text}: {error}");
            assert!(text.len() < 5 || !error.contains(text), "the error shows the secret: {error}");
        }
    }
}

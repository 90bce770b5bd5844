use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
};
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::Engine;
use jsonwebtoken::{encode, Algorithm, AlgorithmFamily, EncodingKey, Header};
use serde_json::json;

use super::super::keys;
use super::*;
use crate::compile::Report;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs()
}

fn good() -> Value {
    json!({ "sub": "ann", "exp": now() + 60 })
}

fn signed(claims: &Value) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET)).expect("a token")
}

fn with_secret() -> Vec<VerifyingKey> {
    vec![VerifyingKey::of_secret(SECRET)]
}

/// Rules that require `exp`, and nothing else.
fn rules(keys: Vec<VerifyingKey>) -> Rules {
    Rules::new(keys, &[], &[], &["exp".into()], 0)
}

fn refusal(rules: &Rules, token: &str) -> &'static str {
    rules.verify(token.as_bytes()).expect_err(token).0
}

/// A pair of keys, and the algorithm it signs with.
struct Pair {
    public_der: Vec<u8>,
    public_pem: String,
    private: EncodingKey,
    algorithms: Vec<Algorithm>,
}

impl Pair {
    fn new(private: &[u8], public: &[u8], algorithms: &[Algorithm]) -> Self {
        let pem = pem("PRIVATE KEY", private);
        let private = match algorithms[0].family() {
            AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(pem.as_bytes()),
            AlgorithmFamily::Ec => EncodingKey::from_ec_pem(pem.as_bytes()),
            _ => EncodingKey::from_ed_pem(pem.as_bytes()),
        };
        let public_pem = self::pem("PUBLIC KEY", public);
        let private = private.expect("a private key");
        Self { public_der: public.to_vec(), public_pem, private, algorithms: algorithms.to_vec() }
    }

    fn sign(&self, algorithm: Algorithm, claims: &Value) -> String {
        encode(&Header::new(algorithm), claims, &self.private).expect("a token")
    }

    fn key(&self) -> Vec<VerifyingKey> {
        vec![VerifyingKey::of_pem(self.public_pem.as_bytes()).expect("a key")]
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// One pair of each kind.
fn pairs() -> Vec<Pair> {
    use Algorithm::*;
    let rsa = rsa::KeyPair::generate(KeySize::Rsa2048).expect("RSA");
    let private: Pkcs8V1Der<'_> = rsa.as_der().expect("DER");
    let public: PublicKeyX509Der<'_> = rsa.public_key().as_der().expect("DER");
    let mut pairs = vec![Pair::new(private.as_ref(), public.as_ref(), &[RS256, RS384, RS512, PS256, PS384, PS512])];
    for (algorithm, name) in [(&ECDSA_P256_SHA256_FIXED_SIGNING, ES256), (&ECDSA_P384_SHA384_FIXED_SIGNING, ES384)] {
        let pair = EcdsaKeyPair::generate(algorithm).expect("a curve");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
        pairs.push(Pair::new(pair.to_pkcs8v1().expect("DER").as_ref(), public.as_ref(), &[name]));
    }
    let pair = Ed25519KeyPair::generate().expect("Ed25519");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("DER");
    pairs.push(Pair::new(pair.to_pkcs8v1().expect("DER").as_ref(), public.as_ref(), &[EdDSA]));
    pairs
}

#[test]
fn a_token_of_every_algorithm_is_known_by_its_key_alone() {
    let pairs = pairs();
    for pair in &pairs {
        for algorithm in &pair.algorithms {
            let token = pair.sign(*algorithm, &good());
            assert_eq!(rules(pair.key()).verify(token.as_bytes()).expect("good")["sub"], "ann", "{algorithm:?}");
            for other in pairs.iter().filter(|other| other.public_der != pair.public_der) {
                let expected = "the token was not signed with a key that is known here";
                assert_eq!(refusal(&rules(other.key()), &token), expected, "{algorithm:?}");
            }
        }
    }
    let (one, other) = (&pairs[0], &self::pairs()[0]);
    assert_eq!(refusal(&rules(other.key()), &one.sign(Algorithm::RS256, &good())), "the signature is wrong");
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let token = encode(&Header::new(algorithm), &good(), &EncodingKey::from_secret(SECRET)).expect("a token");
        assert!(rules(with_secret()).verify(token.as_bytes()).is_ok(), "{algorithm:?}");
        assert_eq!(refusal(&rules(vec![VerifyingKey::of_secret(b"another")]), &token), "the signature is wrong");
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    for pair in pairs() {
        let rules = rules(pair.key());
        let pem = &pair.public_pem;
        for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), &pair.public_der] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let key = EncodingKey::from_secret(secret);
                let token = encode(&Header::new(algorithm), &good(), &key).expect("a token");
                assert_eq!(refusal(&rules, &token), "the token was not signed with a key that is known here");
            }
        }
    }
}

#[test]
fn a_token_that_is_not_signed_is_malformed() {
    let rules = rules(with_secret());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = signed(&good());
    let signature = signed.rsplit('.').next().expect("a signature");
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS1", "hs256"] {
        let message = format!("{}.{}", part(&json!({ "alg": algorithm, "typ": "JWT" })), part(&good()));
        for token in [format!("{message}."), message.clone(), format!("{message}.{signature}")] {
            assert_eq!(refusal(&rules, &token), "the token is malformed", "{token}");
        }
    }
}

#[test]
fn whatever_is_changed_in_a_token_breaks_it() {
    let rules = rules(with_secret());
    let token = signed(&good());
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(rules.verify(&changed).is_err(), "a change at {at}");
    }
    for other in [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c",
        &token[1..],
        &token[..token.len() - 1],
        &format!("{token}.x"),
        &format!("{token} "),
    ] {
        assert!(rules.verify(other.as_bytes()).is_err(), "{other}");
    }
    assert!(rules.verify(b"\xff.\xff.\xff").is_err());
    assert!(rules.verify(token.as_bytes()).is_ok());
}

#[test]
fn times_are_kept() {
    let strict = rules(with_secret());
    let lenient = Rules::new(with_secret(), &[], &[], &["exp".into()], 120);
    let at = |seconds: i64| now().saturating_add_signed(seconds);
    for (claims, expected) in [
        (json!({ "exp": at(-60) }), "the token has expired"),
        (json!({ "exp": at(60), "nbf": at(60) }), "the token is not valid yet"),
        (json!({ "exp": at(60), "iat": at(60) }), "the token is from the future"),
    ] {
        assert_eq!(refusal(&strict, &signed(&claims)), expected);
        assert!(lenient.verify(signed(&claims).as_bytes()).is_ok(), "{claims}");
    }
    for (claims, expected) in [
        (json!({}), "a claim is missing"),
        (json!({ "exp": null }), "a claim is missing"),
        (json!({ "exp": "tomorrow" }), "a claim is missing"),
        (json!({ "exp": -1 }), "a claim is missing"),
        (json!({ "exp": at(60), "nbf": "now" }), "the token is malformed"),
        (json!({ "exp": at(60), "iat": "now" }), "the token is malformed"),
        (json!({ "exp": 0 }), "the token has expired"),
        (json!([at(60)]), "the token is malformed"),
    ] {
        assert_eq!(refusal(&lenient, &signed(&claims)), expected, "{claims}");
    }
    assert!(strict.verify(signed(&json!({ "exp": u64::MAX })).as_bytes()).is_ok());
    assert!(Rules::new(with_secret(), &[], &[], &[], 0).verify(signed(&json!({})).as_bytes()).is_ok());
}

#[test]
fn a_token_is_for_this_audience_and_of_this_issuer() {
    let text = |list: &[&str]| list.iter().map(|text| (*text).to_string()).collect::<Vec<_>>();
    let with = |issuers: &[&str], audiences: &[&str]| {
        let rules = Rules::new(with_secret(), &text(issuers), &text(audiences), &[], 0);
        move |claims: Value| rules.verify(signed(&claims).as_bytes()).map(drop).map_err(|refusal| refusal.0)
    };
    let audience = with(&[], &["api", "web"]);
    assert_eq!(audience(json!({ "aud": "api" })), Ok(()));
    assert_eq!(audience(json!({ "aud": ["other", "web"] })), Ok(()));
    assert_eq!(audience(json!({ "aud": "Api" })), Err("the token is for another audience"));
    assert_eq!(audience(json!({ "aud": ["other"] })), Err("the token is for another audience"));
    for claims in [json!({}), json!({ "aud": null }), json!({ "aud": 3 }), json!({ "aud": {} })] {
        assert_eq!(audience(claims), Err("a claim is missing"));
    }
    assert_eq!(audience(json!({ "aud": [] })), Err("the token is for another audience"));

    let issuer = with(&["https://id.example"], &[]);
    assert_eq!(issuer(json!({ "iss": "https://id.example" })), Ok(()));
    assert_eq!(issuer(json!({ "iss": "https://id.example/" })), Err("the token is of another issuer"));
    assert_eq!(issuer(json!({})), Err("a claim is missing"));
    assert_eq!(issuer(json!({ "iss": 3 })), Err("a claim is missing"));

    // An audience cannot be meant for a proxy without one.
    assert_eq!(with(&[], &[])(json!({ "aud": "api" })), Err("the token is for another audience"));
}

#[test]
fn claims_that_are_asked_for_must_be_there() {
    let rules = Rules::new(with_secret(), &[], &[], &["sub".into(), "tenant".into()], 0);
    let verify = |claims: Value| rules.verify(signed(&claims).as_bytes()).map(drop).map_err(|refusal| refusal.0);
    assert_eq!(verify(json!({ "sub": "a", "tenant": 3 })), Ok(()));
    for claims in [json!({ "sub": "a" }), json!({ "tenant": "t" }), json!({ "sub": "a", "tenant": null })] {
        assert_eq!(verify(claims), Err("a claim is missing"));
    }
}

#[test]
fn a_critical_extension_is_refused_whatever_it_is() {
    let header = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(good().to_string()));
    let key = EncodingKey::from_secret(SECRET);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    let rules = rules(with_secret());
    assert_eq!(refusal(&rules, &format!("{message}.{signature}")), "the token has a critical extension");
}

#[test]
fn a_set_of_keys_is_asked_for_the_key_that_the_token_names() {
    use jsonwebtoken::jwk::Jwk;
    let pairs = pairs();
    let mut set: Vec<Value> = Vec::new();
    for (index, pair) in pairs.iter().enumerate() {
        let mut jwk = Jwk::from_encoding_key(&pair.private, pair.algorithms[0]).expect("a key");
        jwk.common.key_id = Some(format!("key {index}"));
        jwk.common.key_algorithm = None;
        set.push(serde_json::to_value(jwk).expect("JSON"));
    }
    set.push(json!({ "kty": "RSA", "use": "enc", "kid": "encryption", "n": "AQAB", "e": "AQAB" }));
    // Members that are not understood are left out: with a warning if it is not a key, without one if its kind is
    // unknown.
    let mut odd = set[0].clone();
    odd["kid"] = json!(5);
    set.extend([odd, Value::Null, json!("a key"), json!({ "kty": "new" }), json!({})]);
    let json = json!({ "keys": set }).to_string();
    let mut ignored = Vec::new();
    let mut report = Report::new("auth_jwt", None, &mut ignored);
    let rules = rules(keys::of_set(json.as_bytes(), &mut report).expect("keys"));
    assert_eq!(ignored.len(), 3, "{ignored:?}");
    for (index, pair) in pairs.iter().enumerate() {
        for algorithm in &pair.algorithms {
            let mut header = Header::new(*algorithm);
            let verify = |header: &Header| {
                let token = encode(header, &good(), &pair.private).expect("a token");
                rules.verify(token.as_bytes()).map(drop).map_err(|refusal| refusal.0)
            };
            assert_eq!(verify(&header), Ok(()), "{algorithm:?} without a kid");
            header.kid = Some(format!("key {index}"));
            assert_eq!(verify(&header), Ok(()), "{algorithm:?}");
            header.kid = Some(format!("key {}", index + 1));
            assert_eq!(verify(&header), Err("the token was not signed with a key that is known here"));
        }
    }
}

#[test]
fn a_claim_becomes_a_field_only_as_it_is() {
    for (claim, expected) in [
        (json!("ann"), Some("ann")),
        (json!("Ann Ö."), Some("Ann Ö.")),
        (json!(7), Some("7")),
        (json!(true), Some("true")),
        (json!(["a", "b", 3]), Some("a,b,3")),
        (json!(["a", "b,admin", ["c"]]), Some("a")),
        (json!("ann\r\nX-Admin: 1"), None),
        (json!("ann\u{0}"), None),
        (json!(" ann"), None),
        (json!(""), None),
        (json!([]), None),
        (json!({ "a": 1 }), None),
        (json!(null), None),
    ] {
        assert_eq!(field_value(&claim).as_deref(), expected, "{claim}");
    }
}

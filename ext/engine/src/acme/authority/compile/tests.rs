use super::*;
use crate::config::DnsProviderConfig;

fn compile(config: &AcmeConfig) -> (Vec<Arc<Authority>>, Vec<String>) {
    let storage = Arc::new(Storage::in_folder("/nowhere"));
    let dns = Arc::new(Dns::system());
    Report::told(|report| Authority::compile(config, &storage, None, &dns, report))
}

fn with(authorities: &[&str]) -> AcmeConfig {
    AcmeConfig { authority: authorities.iter().map(ToString::to_string).collect(), ..AcmeConfig::default() }
}

fn refused(config: &AcmeConfig) -> String {
    let (_, mut told) = compile(config);
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0)
}

#[test]
fn authorities_are_known_by_name_or_by_the_url_of_their_directory() {
    let (all, told) = compile(&with(&["letsencrypt", "zerossl", "https://ca.example/dir", "http://127.0.0.1:1/dir"]));
    assert_eq!(told, Vec::<String>::new());
    let shown: Vec<_> = all.iter().map(|authority| (authority.name(), authority.url())).collect();
    assert_eq!(
        shown,
        [
            ("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"),
            ("zerossl", "https://acme.zerossl.com/v2/DV90"),
            ("https://ca.example/dir", "https://ca.example/dir"),
            ("http://127.0.0.1:1/dir", "http://127.0.0.1:1/dir"),
        ]
    );
    let rehearsals: Vec<_> = all.iter().map(|authority| authority.rehearsal().map(Authority::name)).collect();
    assert_eq!(rehearsals, [Some("letsencrypt_staging"), None, None, None]);
    assert_eq!(all[0].account_key(), "accounts/acme-v02.api.letsencrypt.org-directory.json");
    assert!(all[1].common_name && !all[0].common_name);
}

#[test]
fn authorities_that_cannot_be_asked_are_mistakes() {
    assert!(refused(&with(&["letsencript"])).contains("did you mean letsencrypt?"));
    assert!(refused(&with(&["http://ca.example/dir"])).contains("authorities are asked with https://"));
    assert!(refused(&with(&["ftp://ca.example/dir"])).contains("https://"));
    assert!(refused(&with(&["https:///dir"])).contains("is no URL of a directory"));
    assert!(refused(&with(&["https://ca.example:99999/dir"])).contains("is no URL of a directory"));
    assert!(refused(&with(&["https://ca.example/dir#x"])).contains("is no URL of a directory"));
    let twice = refused(&with(&["letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"]));
    assert_eq!(twice, "authority: \"https://acme-v02.api.letsencrypt.org/directory\" is there twice: leave one out");
    assert!(refused(&with(&[])).contains("there is none"));
}

#[test]
fn challenges_and_keys_are_known_by_name() {
    let challenge = |names: &[&str]| AcmeConfig {
        challenge: Some(names.iter().map(ToString::to_string).collect()),
        ..AcmeConfig::default()
    };
    assert!(refused(&challenge(&["http-1"])).contains("\"http-1\" is no challenge (did you mean http-01?"));
    assert!(refused(&challenge(&["dns-01"])).contains("write dns:"));
    assert!(refused(&challenge(&["http-01", "http-01"])).contains("twice"));
    assert!(refused(&challenge(&[])).contains("there is none"));
    let key = AcmeConfig { key: "p265".into(), ..AcmeConfig::default() };
    assert!(refused(&key).contains("key: \"p265\" is no kind of key (did you mean p256?"));
    let (all, _) =
        compile(&AcmeConfig { dns: Some(DnsProviderConfig::Command(vec!["dns".into()])), ..AcmeConfig::default() });
    let first = all[0].challenges[0];
    assert_eq!(first, ChallengeKind::Dns01, "whoever writes a provider wants it to be used");
}

#[test]
fn bindings_belong_to_the_authority_that_they_name_or_to_each() {
    let eab = |authority: Option<&str>, id: &str, key: &str| EabConfig {
        authority: authority.map(Into::into),
        id: id.into(),
        key: key.into(),
    };
    let bound = |bindings: Vec<EabConfig>| AcmeConfig { eab: bindings, ..with(&["google", "letsencrypt"]) };
    let (all, told) = compile(&bound(vec![eab(None, "all", "_-8="), eab(Some("google"), "one", "AAAA")]));
    assert_eq!(told, Vec::<String>::new());
    let ids: Vec<_> = all.iter().map(|authority| authority.binding.as_ref().map(|binding| &*binding.id)).collect();
    assert_eq!(ids, [Some("one"), Some("all")]);
    let secret = refused(&bound(vec![eab(None, "id", "not base64!")]));
    assert!(secret.contains("eab: key: it is not in base64url") && !secret.contains("base64!"), "{secret}");
    assert!(refused(&bound(vec![eab(Some("zerossl"), "id", "AAAA")])).contains("is none of the authorities"));
    assert!(refused(&bound(vec![eab(None, "", "AAAA")])).contains("id: it is empty"));
    assert!(!format!("{:?}", all[0].binding).contains("key"), "it is a secret");
}

use std::sync::Arc;

use instant_acme::Account;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::peers::{Manners, TestAuthority, BINDING};
use crate::acme::order::FailureKind;
use crate::config::AcmeConfig;

#[tokio::test]
async fn instances_that_share_a_storage_share_one_account() {
    let authority = TestAuthority::start(Manners::default()).await;
    let clients = [(); 3].map(|()| authority.client(&authority.config()));
    let [one, two, three] = &clients;
    let orders = tokio::join!(
        authority.order(one, &["one.test"]),
        authority.order(two, &["two.test"]),
        authority.order(three, &["three.test"])
    );
    assert!(orders.0.is_ok() && orders.1.is_ok() && orders.2.is_ok());
    assert_eq!(authority.counts(), (3, 1));
    assert_eq!(one.account_url().await, two.account_url().await);
}

#[tokio::test]
async fn another_account_is_made_when_the_authority_does_not_know_it() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    let before = client.account_url().await.expect("an account");
    let stored = authority.storage.load(&client.account_key()).await.expect("storage").expect("an account");
    let lost = String::from_utf8(stored).expect("JSON").replace(&before, &format!("{before}0"));
    authority.storage.store(&client.account_key(), lost.as_bytes()).await.expect("stored");
    authority.order(&client, &["app.test"]).await.expect("a certificate");
    let after = client.account_url().await.expect("an account");
    assert!(after != before && after != format!("{before}0"), "{after}");
    assert_eq!(authority.counts(), (1, 2));
}

#[tokio::test]
async fn an_account_that_was_deactivated_is_told_with_what_to_do() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    client.account_url().await.expect("an account");
    let directory = client.directory().await.expect("a directory");
    let (account, _): (Account, _) = client.account(&directory).await.expect("an account");
    account.deactivate().await.expect("deactivated");
    let failure = authority.order(&client, &["app.test"]).await.expect_err("the account is no use");
    assert_eq!(failure.kind, FailureKind::Misconfigured);
    let key = client.account_key();
    assert!(failure.message.ends_with(&format!("to make another account, delete {key} in the storage")), "{failure}");
    authority.storage.delete(&key).await.expect("deleted");
    authority.order(&client, &["app.test"]).await.expect("a certificate");
}

#[tokio::test]
async fn an_email_address_that_changes_is_told_to_the_authority() {
    let authority = TestAuthority::start(Manners::default()).await;
    let with = |email: &str| authority.client(&AcmeConfig { email: Some(email.into()), ..authority.config() });
    let one = with("one@example.com").account_url().await.expect("an account");
    let other = with("other@example.com");
    assert_eq!(other.account_url().await.expect("the account"), one);
    let stored = authority.storage.load(&other.account_key()).await.expect("storage").expect("an account");
    assert!(String::from_utf8_lossy(&stored).contains("other@example.com"));
    let failure = with("no address").account_url().await.expect_err("no address");
    assert!(failure.message.contains("account: email: "), "{failure}");
}

#[tokio::test]
async fn an_address_that_changes_while_the_authority_forgets_the_account_gets_another() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    let before = client.account_url().await.expect("an account");
    let stored = authority.storage.load(&client.account_key()).await.expect("storage").expect("an account");
    let lost = String::from_utf8(stored).expect("JSON").replace(&before, &format!("{before}0"));
    authority.storage.store(&client.account_key(), lost.as_bytes()).await.expect("stored");
    let config = AcmeConfig { email: Some("other@example.com".into()), ..authority.config() };
    authority.order(&authority.client(&config), &["app.test"]).await.expect("a certificate");
    let stored = authority.storage.load(&client.account_key()).await.expect("storage").expect("an account");
    assert!(String::from_utf8_lossy(&stored).contains("other@example.com"));
    assert_eq!(authority.counts(), (1, 2));
}

#[tokio::test]
async fn an_account_belongs_to_the_binding_that_is_written() {
    let authority = TestAuthority::start(Manners { needs_binding: true, ..Manners::default() }).await;
    let without = authority.client(&authority.config()).account_url().await.expect_err("a binding is needed");
    assert_eq!(without.kind, FailureKind::Misconfigured);
    assert!(without.message.contains("write eab:"), "{without}");
    let wrong =
        authority.client(&authority.with_binding("kid-1", "AAAA")).account_url().await.expect_err("another key");
    assert_eq!(wrong.kind, FailureKind::Misconfigured, "{wrong}");
    let client = authority.client(&authority.with_binding("kid-1", &format!("{BINDING}==")));
    authority.order(&client, &["app.test"]).await.expect("a certificate");
    assert_eq!(authority.pebble.accounts(), 1);
}

#[tokio::test]
async fn a_binding_is_got_for_the_email_address_where_the_authority_gives_one() {
    let authority = TestAuthority::start(Manners { needs_binding: true, ..Manners::default() }).await;
    let given = format!(r#"{{"success":true,"eab_kid":"kid-1","eab_hmac_key":"{BINDING}"}}"#);
    let (url, asked) = answering(given).await;
    let with = |email: Option<&str>| {
        let config = AcmeConfig { email: email.map(Into::into), ..authority.config() };
        let mut client = authority.client(&config);
        Arc::get_mut(&mut client).expect("the only one").binding_source = Some(url.clone());
        client
    };
    let failure = with(None).account_url().await.expect_err("nobody to give it to");
    assert!(failure.message.contains("write eab:"), "{failure}");
    with(Some("ops@example.com")).account_url().await.expect("an account");
    assert!(asked.await.expect("a request").ends_with("\r\n\r\nemail=ops%40example.com"));
}

/// A server with one answer to one request, and the request.
async fn answering(body: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        while !request.ends_with(b"example.com") {
            assert_ne!(stream.read_buf(&mut request).await.expect("a request"), 0);
        }
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.expect("written");
        String::from_utf8(request).expect("text")
    });
    (url, asked)
}

#[tokio::test]
async fn a_damaged_account_in_storage_is_replaced() {
    let authority = TestAuthority::start(Manners::default()).await;
    let client = authority.client(&authority.config());
    authority.storage.store(&client.account_key(), b"{").await.expect("stored");
    authority.order(&client, &["app.test"]).await.expect("a certificate");
}

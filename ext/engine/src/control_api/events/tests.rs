use proxy_http::message::Fields;

use super::*;
use crate::access_log::LogTap;
use crate::control_api::ControlApi;
use crate::rewrite::tests::{client, request, response, scope};
use crate::rewrite::RequestValues;
use crate::server::Server;

#[tokio::test]
async fn lines_that_wait_when_the_place_is_closed_are_sent_before_the_stream_ends() {
    let tap = Arc::new(LogTap::default());
    let lines = tap.listen(TapFilter::default());
    let (client, fields) = (client(), Fields::default());
    for path in ["/1", "/2"] {
        let request = request("GET", path, "", &[]);
        tap.offer(&RequestValues { response: Some(response(&fields)), ..scope(&request, &client) });
    }
    let (api, news) = (ControlApi::default(), tokio::sync::broadcast::channel(1));
    let (pieces, mut taken) = mpsc::channel(WAITING);
    let nobody: Weak<dyn Operations> = Weak::<Server>::new();
    feed(&api.shared, &nobody, news.1, lines, &pieces, std::future::ready(())).await;
    drop(pieces);
    let mut told = String::new();
    while let Some(piece) = taken.recv().await {
        told.push_str(std::str::from_utf8(&piece).expect("UTF-8"));
    }
    assert_eq!(told.matches("event: log").count(), 2, "{told}");
    assert!(told.contains("\"/1\"") && told.contains("\"/2\""), "{told}");
    assert!(!tap.is_open(), "nobody reads any more");
}

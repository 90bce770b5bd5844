//! Orders to Ruby.

use std::time::Duration;

use http::StatusCode;
use serde_json::{json, Value};

use super::orders::{OrderWaiter, Orders};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_order_is_taken_and_answered() {
    let orders = Orders::default();
    let body = json!({ "a": 1 });
    let give = orders.give("reload", &body, LIMIT);
    let work = async {
        let order = orders.next(&OrderWaiter::default()).expect("no interrupt").expect("an order");
        assert_eq!((order.name, &*order.body), ("reload", "{\"a\":1}"));
        orders.answer(order.id, StatusCode::OK, json!({ "done": true }));
    };
    let (given, ()) = tokio::join!(give, work);
    assert_eq!(given.expect("an answer"), (StatusCode::OK, json!({ "done": true })));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_not_answered_is_given_up_and_taken_back() {
    let orders = Orders::default();
    let refusal = orders.give("reload", &Value::Null, LIMIT).await.expect_err("nobody answers");
    assert_eq!(refusal.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(refusal.error, "reload: it was not begun after 60 s: look at the log");
    let waiter = OrderWaiter::default();
    orders.interrupt(&waiter);
    assert_eq!(orders.next(&waiter).map(|_| ()), Err(()), "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn only_a_few_orders_wait() {
    let orders = Orders::default();
    let give = || orders.give("reload", &Value::Null, LIMIT);
    let (a, b, c, d, e) = tokio::join!(give(), give(), give(), give(), give());
    let statuses = [a, b, c, d, e].map(|given| given.expect_err("nobody answers").status.as_u16());
    assert_eq!(statuses, [504, 504, 504, 504, 503]);
}

#[tokio::test]
async fn the_end_is_told_to_both_sides() {
    let orders = Orders::default();
    let end = async { orders.close() };
    let (given, ()) = tokio::join!(orders.give("stop", &Value::Null, LIMIT), end);
    assert_eq!(given.expect_err("it ends").status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(orders.next(&OrderWaiter::default()).expect("no interrupt").is_none());
}

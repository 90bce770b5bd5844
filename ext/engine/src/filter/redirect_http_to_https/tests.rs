use super::*;
use crate::filter::tests::{at, errors};
use crate::filter::FilterConfig;

#[test]
fn redirect_http_to_https_says_what_is_wrong() {
    for port in [0, -1, 65_536] {
        let spec = RedirectHttpToHttpsConfig { port, at: at() };
        let message =
            format!("redirect_http_to_https!: port: {port} is not a valid port: write a number from 1 to 65535");
        assert_eq!(errors(FilterConfig::RedirectHttpToHttps(spec)), [message]);
    }
}

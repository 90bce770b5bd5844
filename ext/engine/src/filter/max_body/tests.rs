use super::*;
use crate::filter::tests::{at, errors};
use crate::filter::FilterConfig;

#[test]
fn max_body_says_what_is_wrong() {
    let spec = |bytes| FilterConfig::MaxBody(MaxBodyConfig { bytes, at: at(), ..MaxBodyConfig::default() });
    assert_eq!(errors(spec(None)), ["max_body: the value is missing: write a number of bytes, such as 1_048_576"]);
    assert_eq!(errors(spec(Some(-1))), ["max_body: -1 is negative: write a number of bytes"]);
    assert_eq!(errors(spec(Some(0))), [""; 0]);
}

use super::*;
use crate::filter::tests::{at, errors};
use crate::filter::FilterConfig;

#[test]
fn lists_of_addresses_say_what_is_wrong() {
    let list = |networks: &[&str]| AddressListConfig {
        networks: networks.iter().map(|text| (*text).to_owned()).collect(),
        at: at(),
        ..AddressListConfig::default()
    };
    assert_eq!(
        errors(FilterConfig::AllowList(list(&[]))),
        ["allow_list: names no address: write one such as \"192.0.2.7\", \"10.0.0.0/8\" or \"fd00::/8\""]
    );
    assert_eq!(
        errors(FilterConfig::DenyList(list(&["::1", "localhost"]))),
        ["deny_list: \"localhost\" is not a valid address or network: write one such as \"192.0.2.7\", \"10.0.0.0/8\" \
          or \"fd00::/8\""]
    );
}

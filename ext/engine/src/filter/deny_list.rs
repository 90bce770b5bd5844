//! `deny_list`: clients with a listed address are refused.

pub(super) use super::address_list::AddressListConfig;

use proxy_http::message::RequestHead;

use super::address_list::AddressList;
use super::Filtering;
use crate::client::ClientInfo;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::request::{Exchange, OwnAnswer, Verdict};

/// Addresses of the clients that are refused.
#[derive(Debug)]
pub(crate) struct DenyList(AddressList);

impl Filtering for DenyList {
    type Config = AddressListConfig;

    const ANSWERS: bool = true;

    fn compile(config: &AddressListConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let list = AddressList::compile(config, &mut report);
        report.is_sound().then_some(Self(list))
    }

    fn foretell(&self, request: &RequestHead, client: &ClientInfo) -> Option<OwnAnswer> {
        match self.0.lists(client.ip) {
            true => Some(self.0.refusal(request)),
            false => None,
        }
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        match self.0.lists(exchange.client_info.ip) {
            true => Some(self.0.refuse(exchange).await),
            false => None,
        }
    }
}

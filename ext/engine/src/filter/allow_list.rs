//! `allow_list`: only clients with a listed address may send requests.

pub use super::address_list::AddressListConfig;

use proxy_http::message::RequestHead;

use super::address_list::AddressList;
use super::Filtering;
use crate::client::ClientInfo;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::request::{Exchange, OwnAnswer, Verdict};

/// Addresses of the clients that may send requests.
#[derive(Debug)]
pub(crate) struct AllowList(AddressList);

impl Filtering for AllowList {
    type Config = AddressListConfig;

    fn compile(config: &AddressListConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let list = AddressList::compile(config, &mut report);
        if let Some(all) = list.networks.everybody() {
            report.warning(format!(
                "\"{all}\" lets everybody pass: write only the addresses that may, or leave the line out"
            ));
        }
        report.is_sound().then_some(Self(list))
    }

    fn foretell(&self, request: &RequestHead, client: &ClientInfo) -> Option<OwnAnswer> {
        match self.0.lists(client.ip) {
            true => None,
            false => Some(self.0.refusal(request)),
        }
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        match self.0.lists(exchange.client_info.ip) {
            true => None,
            false => Some(self.0.refuse(exchange).await),
        }
    }
}

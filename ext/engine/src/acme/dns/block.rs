//! A Ruby object or block that writes TXT records.

use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;

use crate::blocks::{Block, BlockArgument, BlockFailure, BlockLimits, BlockReply, BlockSet, BlockValue};
use crate::config::{At, BlockIndex};

/// One call at a time, so that the user's object need not be safe for threads. [`super::DnsProvider`] sends them one
/// by one, too: the time of a call does not begin before it can run.
const LIMITS: BlockLimits = BlockLimits { threads: 1, queue: 16 };

/// A Ruby object or block. It is called with `{"op" => "add" or "remove", "name" => …, "value" => …}`, and answers nil,
/// or what went wrong as a String.
#[derive(Debug)]
pub(super) struct BlockProvider(Block);

impl BlockProvider {
    pub(super) fn new(index: BlockIndex, blocks: &BlockSet, at: Option<&At>) -> Self {
        Self(blocks.block(index, LIMITS, "acme: dns", at))
    }

    pub(super) async fn call(&self, op: &str, name: &str, value: &str, limit: Duration) -> Result<(), String> {
        let (reply, answer) = oneshot::channel();
        self.0.submit(BlockArgument::Value(json!({ "op": op, "name": name, "value": value })), Reply(reply));
        let answer = self.0.within(limit, async { answer.await.unwrap_or(Err(BlockFailure::Gone)) }).await;
        match answer {
            Ok(told) => told,
            Err(BlockFailure::Late) => {
                Err(format!("the block of `dns` has not returned within {} s", limit.as_secs_f64()))
            }
            Err(failure) => Err(failure.to_string()),
        }
    }
}

/// Passes what the block says on to the caller, and its failures to the log too.
struct Reply(oneshot::Sender<Result<Result<(), String>, BlockFailure>>);

impl BlockReply for Reply {
    fn is_wanted(&self) -> bool {
        !self.0.is_closed()
    }

    fn take(self: Box<Self>, answer: Result<BlockValue, BlockFailure>) -> Result<(), String> {
        let told = answer.map(|value| match value {
            BlockValue::Null => Ok(()),
            BlockValue::String(failure) => Err(failure),
            other => Err(format!("answered {other} in place of nil")),
        });
        let failure = told.as_ref().ok().and_then(|told| told.as_ref().err()).cloned();
        let _ = self.0.send(told);
        failure.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests;

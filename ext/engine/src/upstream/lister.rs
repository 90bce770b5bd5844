//! A Ruby block that lists the backends of an upstream, called again and again on the control thread.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Upstream;
use crate::blocks::{Block, BlockArgument, BlockFailure, BlockIndex, BlockLimits, BlockSet, BlockValue};
use crate::compile::Report;
use crate::config::{BackendConfig, PoolConfig};
use crate::log::{Level, Log};

/// Time that a block has to list the backends. It may take longer: the next call then waits for it.
const LIMIT: Duration = Duration::from_secs(5);

/// A Ruby block that lists backends, and how often it is asked.
#[derive(Debug, Clone)]
pub(super) struct Lister {
    block: Block,
    interval: Duration,
    /// Name of an upstream that has no other.
    name: String,
}

impl Lister {
    /// The block of these options, if there is one.
    pub(super) fn compile(pool: &PoolConfig, blocks: &BlockSet, report: &mut Report<'_>) -> Option<Self> {
        let interval = report.within("interval").seconds(pool.interval);
        let Some(index) = pool.backends_block else {
            if pool.interval != PoolConfig::default().interval {
                report.within("interval").warning(
                    "only a block is called again: write backends: -> { [\"127.0.0.1:3001\"] }, or leave it out",
                );
            }
            return None;
        };
        let at = report.at().cloned();
        let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let name = at.as_ref().map_or_else(|| "block".into(), |at| format!("{}:{}", file(&at.file), at.line));
        // One call at a time, and one more after a slow one.
        let limits = BlockLimits { threads: 1, queue: 1 };
        Some(Self { block: blocks.block(BlockIndex(index), limits, "backends", at.as_ref()), interval, name })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// Calls the block at once and then after every interval, until the upstream is gone. The last good list stays in use
/// whatever goes wrong.
pub(super) async fn follow(upstream: Weak<Upstream>, lister: Lister, log: Arc<Log>) {
    let mut told = None;
    loop {
        let answer = lister.block.call(BlockArgument::Value(BlockValue::Null), LIMIT).await;
        let Some(upstream) = upstream.upgrade() else { return };
        let failure = match answer {
            // The same exception as before, which was logged.
            Ok(BlockValue::Null) => None,
            Ok(list) => match serde_json::from_value::<Vec<BackendConfig>>(list) {
                Ok(backends) => upstream.list_by_block(&backends).err().map(|wrong| wrong.join("; ")),
                Err(error) => Some(error.to_string()),
            },
            // The log has a line about it.
            Err(BlockFailure::Failed | BlockFailure::Gone) => None,
            Err(failure) => Some(failure.to_string()),
        };
        upstream.listed();
        if failure.is_some() && failure != told {
            let meanwhile = if upstream.is_empty() { "" } else { "; what was listed before serves on" };
            let what = failure.as_deref().unwrap_or_default();
            log.write(
                Level::Warn,
                None,
                format_args!("upstream {}: {}: {what}{meanwhile}", upstream.name(), lister.block.name()),
            );
        }
        told = failure;
        // Only a weak reference may live through the pause, or the upstream would never end.
        drop(upstream);
        tokio::time::sleep(lister.interval).await;
    }
}

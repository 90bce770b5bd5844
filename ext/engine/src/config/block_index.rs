use serde::{Deserialize, Serialize};

/// Place of a Ruby block among those of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct BlockIndex(pub u32);

//! What several modules need.

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static CLUSTER: RwLock<()> = RwLock::new(());

/// Held by a test that wants a cluster where everything runs.
pub(crate) fn together() -> RwLockReadGuard<'static, ()> {
    CLUSTER.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Held by a test that breaks something which others need: the API server, the kubelet, the operator.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    CLUSTER.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

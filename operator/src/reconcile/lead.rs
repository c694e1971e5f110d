//! Acts while this operator leads.

use std::sync::Arc;
use std::time::Duration;

use runtime::TaskScope;

use super::{Dispatch, Reconciler};
use crate::cache::{Extent, catch_up};
use crate::leader::Leadership;

/// Longest that work under way may hold up the end of a term. Its requests have been given up by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reconciles whenever this operator leads, until `scope` is cancelled. The caches have to be synced before.
pub async fn lead(
    reconciler: Arc<Reconciler>,
    dispatch: Dispatch,
    extent: Extent,
    mut leadership: Leadership,
    scope: TaskScope,
) {
    loop {
        tokio::select! {
            () = leadership.gained() => {}
            () = scope.cancelled() => return,
        }
        reconciler.metrics.is_leader.set(1);
        let term = scope.child("term");
        tokio::select! {
            () = act(&reconciler, &dispatch, &extent, &term) => {}
            () = leadership.lost() => {}
            () = scope.cancelled() => {}
        }
        let late = term.shutdown(PATIENCE).await;
        if !late.is_empty() {
            tracing::warn!(?late, "work did not end with the leadership");
        }
        reconciler.metrics.is_leader.set(0);
        if !scope.is_cancelled() {
            // Somebody else decides now. What this process remembers may be wrong when it leads again.
            reconciler.outbox.clear();
            reconciler.planes.clear();
        }
    }
}

async fn act(reconciler: &Arc<Reconciler>, dispatch: &Dispatch, extent: &Extent, term: &TaskScope) {
    let began = reconciler.clock.monotonic();
    catch_up(&reconciler.client, extent, &reconciler.caches).await;
    let planes = reconciler.caches.planes();
    let took = reconciler.clock.monotonic().saturating_duration_since(began);
    tracing::info!(
        namespaces = planes.len(),
        ?took,
        "caches are as new as the cluster"
    );
    for plane in planes {
        dispatch.mark(&plane);
    }
    dispatch.run(reconciler, term).await;
}

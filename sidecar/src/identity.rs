//! Whose bearer tokens are believed: the cluster's own (locally: the developer's), and those of the issuers that the
//! Namespace names.

use std::fmt;
use std::sync::Arc;

use adapters::oidc::Discovery;
use auth::{Authorizer, Issuer, Issuers, Nobody, Reviewer};
use runtime::TaskScope;
use tokio::sync::{Notify, watch};

/// Who the callers with bearer tokens are, and who says what they may do.
#[derive(Clone)]
pub struct Identity {
    /// The issuer of this cluster's own tokens. `None` while its keys are not known, or for good.
    pub issuer: watch::Receiver<Option<Issuer>>,
    /// Notified when a token names a key that the issuer is not known to have.
    pub wants_keys: Arc<Notify>,
    /// Says what callers may do.
    pub reviewer: Arc<dyn Reviewer>,
}

impl Default for Identity {
    /// No issuer but those of the document, and nobody who says what their subjects may do: no bearer token opens anything.
    fn default() -> Self {
        Self {
            issuer: watch::channel(None).1,
            wants_keys: Arc::default(),
            reviewer: Arc::new(Nobody),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// Lets `authorizer` believe the issuer of the cluster, and those that are sent, as their keys become known.
pub(crate) fn follow(
    identity: Identity,
    authorizer: Authorizer,
    wanted: Vec<config::Issuer>,
    scope: &TaskScope,
) -> watch::Sender<Vec<config::Issuer>> {
    let (sender, wanted) = watch::channel(wanted);
    let outside_wants_keys = Arc::new(Notify::new());
    let outside = Discovery::start(wanted, outside_wants_keys.clone(), scope);
    let trust = trust(identity.issuer, outside, authorizer.clone(), scope.clone());
    scope.spawn("issuers", trust);
    let wishes = [identity.wants_keys, outside_wants_keys];
    scope.spawn(
        "wishes for keys",
        pass_on(authorizer.wants_keys(), wishes, scope.clone()),
    );
    sender
}

async fn trust(
    mut own: watch::Receiver<Option<Issuer>>,
    mut outside: watch::Receiver<Vec<Issuer>>,
    authorizer: Authorizer,
    scope: TaskScope,
) {
    loop {
        let mut issuers = Vec::from_iter(own.borrow_and_update().clone());
        issuers.extend(outside.borrow_and_update().clone());
        // The first one counts of two with the same URL: nobody may pose as the cluster.
        authorizer.trust(Issuers(issuers));
        // Whoever goes away leaves what was known last in effect.
        let changed = async {
            tokio::select! {
                Ok(()) = own.changed() => {}
                Ok(()) = outside.changed() => {}
                else => std::future::pending().await,
            }
        };
        tokio::select! {
            () = scope.cancelled() => return,
            () = changed => {}
        }
    }
}

/// Nobody knows whose key it is that a token names.
async fn pass_on(wish: Arc<Notify>, wishes: [Arc<Notify>; 2], scope: TaskScope) {
    loop {
        tokio::select! {
            () = scope.cancelled() => return,
            () = wish.notified() => wishes.iter().for_each(|wish| wish.notify_waiters()),
        }
    }
}

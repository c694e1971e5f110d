//! Whose bearer tokens are believed: the cluster's own (locally: the developer's), and those of the issuers that the
//! Namespace names.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use adapters::oidc::{Discovery, Following, Trouble};
use auth::{Authorizer, Issuer, Issuers, Nobody, Reviewer};
use runtime::TaskScope;
use tokio::sync::{Notify, watch};

/// Who the callers with bearer tokens are, and who says what they may do.
#[derive(Clone)]
pub struct Identity {
    /// The issuer of this cluster's own tokens. `None` while its keys are not known: as long as somebody may send them,
    /// such tokens are for later. Without anybody who may, there is no issuer of that kind.
    pub issuer: watch::Receiver<Option<Issuer>>,
    /// Notified when a token names a key that the issuer is not known to have, or its keys are not known at all.
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

/// The issuers beside the cluster's.
pub(crate) struct Outside {
    /// Takes those that are wanted.
    pub(crate) wanted: watch::Sender<Vec<config::Issuer>>,
    /// Who of them does not say its keys; nothing if none is wanted.
    pub(crate) troubles: watch::Receiver<Option<Vec<Trouble>>>,
}

/// Lets `authorizer` believe the issuer of the cluster, and those that are sent, as their keys become known. Those of the
/// latter are kept in `folder`.
pub(crate) fn follow(
    identity: Identity,
    authorizer: Authorizer,
    wanted: Vec<config::Issuer>,
    folder: PathBuf,
    scope: &TaskScope,
) -> Outside {
    let (sender, wanted) = watch::channel(wanted);
    let outside_wants_keys = Arc::new(Notify::new());
    let Following { issuers, troubles } = Discovery::start(wanted, folder, outside_wants_keys.clone(), scope);
    let mut issuers = Known {
        own: identity.issuer,
        outside: issuers,
    };
    // Doors may open before a task has its turn.
    authorizer.trust(issuers.now());
    scope.spawn("issuers", trust(issuers, authorizer.clone(), scope.clone()));
    let wishes = [identity.wants_keys, outside_wants_keys];
    scope.spawn(
        "wishes for keys",
        pass_on(authorizer.wants_keys(), wishes, scope.clone()),
    );
    Outside {
        wanted: sender,
        troubles,
    }
}

/// What is known of issuers.
struct Known {
    own: watch::Receiver<Option<Issuer>>,
    outside: watch::Receiver<Issuers>,
}

impl Known {
    /// The first one counts of two with the same URL: nobody may pose as the cluster.
    fn now(&mut self) -> Issuers {
        let mut issuers = self.outside.borrow_and_update().clone();
        let own = self.own.borrow_and_update().clone();
        match own {
            Some(own) => issuers.known.insert(0, own),
            None => issuers.awaits_cluster = self.own.has_changed().is_ok(),
        }
        issuers
    }

    /// Whoever goes away leaves what was known last in effect.
    async fn changed(&mut self) {
        tokio::select! {
            Ok(()) = self.own.changed() => {}
            Ok(()) = self.outside.changed() => {}
            else => std::future::pending().await,
        }
    }
}

async fn trust(mut issuers: Known, authorizer: Authorizer, scope: TaskScope) {
    loop {
        tokio::select! {
            () = scope.cancelled() => return,
            () = issuers.changed() => authorizer.trust(issuers.now()),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use auth::{ErrorKind, Keys, Mapping};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use model::Timestamp;

    use super::*;

    const CLUSTER: &str = "https://kubernetes.default.svc";
    const OUTSIDE: &str = "https://login.example.invalid";

    /// A token of that issuer whose signature is nobody's.
    fn token(issuer: &str) -> String {
        let sub = "system:serviceaccount:shop:web";
        let claims = format!(r#"{{"iss":"{issuer}","sub":"{sub}","aud":"weft","exp":4000000000}}"#);
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let header = part(r#"{"alg":"ES256","kid":"one"}"#);
        format!("{header}.{}.{}", part(&claims), part("signature"))
    }

    fn wanted() -> Vec<config::Issuer> {
        vec![config::Issuer {
            url: OUTSIDE.into(),
            audiences: vec!["weft".into()],
            prefix: "corp:".into(),
            username_claim: None,
            groups_claim: None,
            certificate_authority_pem: None,
        }]
    }

    fn refusal(authorizer: &Authorizer, issuer: &str) -> auth::Error {
        let refused = authorizer.verify(&token(issuer), Timestamp::from_micros(0));
        refused.expect_err("nobody signed it")
    }

    #[tokio::test]
    async fn issuers_are_awaited_from_the_first_moment_and_the_cluster_s_until_it_is_known() {
        let (scope, folder) = (TaskScope::root(), tempfile::tempdir().expect("a folder"));
        let authorizer = Authorizer::new(&Keys::default());
        let (own, issuer) = watch::channel(None);
        let identity = Identity {
            issuer,
            ..Identity::default()
        };
        let _outside = follow(
            identity,
            authorizer.clone(),
            wanted(),
            folder.path().to_owned(),
            &scope,
        );
        for issuer in [CLUSTER, OUTSIDE] {
            let refused = refusal(&authorizer, issuer);
            assert_eq!(refused.kind(), ErrorKind::Unavailable, "{issuer}: {refused}");
        }
        own.send_replace(Some(Issuer {
            url: CLUSTER.into(),
            audiences: vec!["weft".into()],
            keys: auth::JwkSet { keys: Vec::new() },
            mapping: Mapping::ServiceAccounts,
        }));
        let known = async {
            while refusal(&authorizer, CLUSTER) != auth::Error::BearerBadSignature {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), known)
            .await
            .expect("it is told");
        let foreign = refusal(&authorizer, "https://other.example");
        assert_eq!(foreign.kind(), ErrorKind::Unauthenticated, "{foreign}");
        assert_eq!(refusal(&authorizer, OUTSIDE).kind(), ErrorKind::Unavailable);
        scope.shutdown(Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn an_issuer_that_never_comes_is_not_awaited() {
        let (scope, folder) = (TaskScope::root(), tempfile::tempdir().expect("a folder"));
        let authorizer = Authorizer::new(&Keys::default());
        let identity = Identity::default();
        let folder = folder.path().to_owned();
        let _outside = follow(identity, authorizer.clone(), Vec::new(), folder, &scope);
        assert_eq!(refusal(&authorizer, CLUSTER), auth::Error::NoIssuer);
        scope.shutdown(Duration::from_secs(5)).await;
    }
}

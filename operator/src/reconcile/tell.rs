//! Events about what was done for one Namespace.

use crds::v1alpha1::Namespace;
use kube::Resource as _;

use super::Reconciler;
use super::bring::Brought;
use super::decide::Decided;
use crate::events::{Happening, Reason};

impl Reconciler {
    pub(super) fn tell_of(&self, namespace: &Namespace, decided: &Decided, brought: &Brought) {
        let about = namespace.object_ref(&());
        let tell = |reason, note: String| {
            self.events.tell(Happening {
                about: about.clone(),
                reason,
                note,
            });
        };
        if brought.wrote_state && decided.rotated.keys {
            tell(
                Reason::KeysRotated,
                "every rule has a new primary key, and the one before is its secondary key".to_owned(),
            );
        }
        if brought.wrote_state && decided.rotated.certificate {
            tell(
                Reason::CertificateRotated,
                "the endpoint has a new certificate".to_owned(),
            );
        }
        if brought.wrote_state && decided.rotated.authority {
            let note = "there is a new certificate authority: it is trusted now and signs later";
            tell(Reason::AuthorityRotated, note.to_owned());
        }
        if let Some(pod) = &brought.replaced {
            tell(
                Reason::PodReplaced,
                format!("the Pod {:?} is replaced because its template changed", pod.name),
            );
        }
    }
}

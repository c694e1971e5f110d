//! Names of a Namespace's objects that only the operator and users know; those that the sidecar knows too are in
//! [`config::objects`].
//!
//! Every name is within Kubernetes' limit for its kind for every valid name of a Namespace (at most 40 characters), a
//! property that a test holds.

use config::Digest;

/// The longest name that Kubernetes allows for most objects.
const LONGEST: usize = 253;
/// Characters of a digest that stand for the rest of a name which does not fit.
const DIGEST_LENGTH: usize = 8;
/// Characters of a uid in the name of a claim.
const UID_LENGTH: usize = 8;

/// StatefulSet, Service, PodDisruptionBudget, NetworkPolicy, ServiceAccount, Role and RoleBinding: the Namespace's own
/// name.
pub fn main(namespace: &str) -> String {
    namespace.to_owned()
}

/// The pod.
pub fn pod(namespace: &str) -> String {
    format!("{namespace}-0")
}

/// The ConfigMap in which the pod reports.
pub fn report(namespace: &str) -> String {
    config::objects::report(&pod(namespace))
}

/// The claim of the volume whose data was first written under the Namespace uid `data_uid`.
pub fn claim(namespace: &str, data_uid: &str) -> String {
    let short: String = data_uid
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(UID_LENGTH)
        .collect();
    format!("{namespace}-data-{}", short.to_ascii_lowercase())
}

/// The Secret with the certificate authorities, for the operator alone.
pub fn ca(namespace: &str) -> String {
    format!("{namespace}-ca")
}

/// The Secret with settings for programs.
pub fn connection(namespace: &str) -> String {
    format!("{namespace}-connection")
}

/// The ConfigMap with the certificates that programs trust.
pub fn trust(namespace: &str) -> String {
    format!("{namespace}-trust")
}

/// The file with the token that programs mount, for those that show no key.
pub const TOKEN_FILE: &str = "/var/run/weft/token/token";

/// The folder at which programs mount [`trust`].
pub fn trust_folder(namespace: &str) -> String {
    format!("/var/run/weft/{namespace}")
}

/// The Secret with settings for programs of one Topic.
pub fn topic_connection(topic: &str) -> String {
    entity_connection("topic", topic)
}

/// The Secret with settings for programs of one EventSubscription.
pub fn event_subscription_connection(event_subscription: &str) -> String {
    entity_connection("eventsubscription", event_subscription)
}

/// The Secret with settings for programs of one Hub.
pub fn hub_connection(hub: &str) -> String {
    entity_connection("hub", hub)
}

/// The Service of the door for checkpoints.
pub fn blob(namespace: &str) -> String {
    format!("{namespace}-blob")
}

/// The name of the Namespace's Service, for pods of the whole cluster.
pub fn host(namespace: &str, kubernetes_namespace: &str) -> String {
    format!("{namespace}.{kubernetes_namespace}.svc")
}

/// Where the Namespace's HTTPS door is, for pods of the whole cluster.
pub fn endpoint(namespace: &str, kubernetes_namespace: &str) -> String {
    format!("https://{}", host(namespace, kubernetes_namespace))
}

/// Where the door for checkpoints is, for pods of the whole cluster.
pub fn blob_endpoint(namespace: &str, kubernetes_namespace: &str) -> String {
    endpoint(&blob(namespace), kubernetes_namespace)
}

/// `KIND.NAME-connection`. A resource with `azureName` may have a name of any length; where it does not fit, its end
/// gives way to a digest.
fn entity_connection(kind: &str, name: &str) -> String {
    let room = LONGEST - format!("{kind}.-connection").len();
    if name.len() <= room {
        return format!("{kind}.{name}-connection");
    }
    let digest = Digest::of(name.as_bytes()).to_string();
    // Names of Kubernetes objects are ASCII. A dot before a hyphen would not be a valid name.
    let start = name[..room - DIGEST_LENGTH - 1].trim_end_matches(['.', '-']);
    // Its last digits depend on every character, its first ones hardly on the last.
    let short = &digest[digest.len() - DIGEST_LENGTH..];
    format!("{kind}.{start}-{short}-connection")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Kubernetes checks it: the parts of a subdomain have no limit of their own.
    fn is_dns_subdomain(name: &str) -> bool {
        let alphabet = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_part = |part: &str| {
            !part.is_empty() && part.chars().all(alphabet) && !part.starts_with('-') && !part.ends_with('-')
        };
        name.len() <= LONGEST && name.split('.').all(is_part)
    }

    fn is_dns_label(name: &str) -> bool {
        name.len() <= 63 && is_dns_subdomain(name) && !name.contains('.')
    }

    proptest! {
        #[test]
        fn every_valid_namespace_name_gives_names_that_kubernetes_takes(
            name in "[a-z]([-a-z0-9]{0,38}[a-z0-9])?", uid: u128,
        ) {
            let uid = uuid::Uuid::from_u128(uid).to_string();
            // Service names are the strictest; the pod's name is a label value and a host name; the revision of a
            // StatefulSet adds a hash of up to ten characters, as a label value.
            for name in [main(&name), pod(&name), report(&name), claim(&name, &uid), ca(&name), blob(&name),
                connection(&name), trust(&name), config::objects::shard(&name, 15), config::objects::checkpoints(&name, 15),
                config::objects::head(&name), config::objects::secrets(&name), format!("{name}-0123456789")]
            {
                prop_assert!(is_dns_label(&name), "{}", name);
            }
        }

        #[test]
        fn every_entity_name_gives_a_name_that_kubernetes_takes(
            name in "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?){0,3}"
        ) {
            prop_assume!(name.len() <= LONGEST);
            prop_assert!(is_dns_subdomain(&topic_connection(&name)), "{}", topic_connection(&name));
            prop_assert!(is_dns_subdomain(&event_subscription_connection(&name)));
            prop_assert!(is_dns_subdomain(&hub_connection(&name)));
        }
    }

    #[test]
    fn long_names_that_differ_at_the_end_stay_different() {
        let (one, other) = ("a".repeat(252) + "b", "a".repeat(252) + "c");
        assert_ne!(topic_connection(&one), topic_connection(&other));
        assert_eq!(topic_connection("orders"), "topic.orders-connection");
    }

    #[test]
    fn a_claim_carries_the_first_eight_digits_of_the_uid() {
        let uid = "4F6D7A52-0d0c-4c5e-8f51-3d6f2f7a1b11";
        assert_eq!(claim("shop", uid), "shop-data-4f6d7a52");
    }
}

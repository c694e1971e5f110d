//! A Hub's spec, with its defaults.

use std::collections::HashMap;

use config::Hub;
use crds::rules::HUB_AZURE_NAME;
use crds::shared::Reason;
use crds::v1alpha1::{self, ConsumerGroup, MessageRetention};

use crate::decision::Refusal;
use crate::name::ClientName;
use crate::namespace::broken;

/// Ours: enough for a few consumers to share the work, and small enough to be ordered where that matters. The rules of
/// the schema have the number, too.
pub(crate) const PARTITIONS: i32 = 4;
/// Azure's default.
const RETENTION_HOURS: i32 = 24;
const HOUR: u64 = 3_600;

/// The name that clients use.
pub(crate) fn client_name(object: &v1alpha1::Hub) -> Result<ClientName, Refusal> {
    let name = object.spec.azure_name.as_ref().or(object.metadata.name.as_ref());
    name.and_then(|name| ClientName::of_hub(name))
        .ok_or_else(|| broken("spec.azureName", &HUB_AZURE_NAME))
}

/// What the document says of a hub that [`manifest::check`](crate::manifest::check) has passed.
pub(crate) fn hub(object: &v1alpha1::Hub, uid: &str, name: &ClientName) -> Result<Hub, Refusal> {
    let spec = &object.spec.event_hub;
    let retention = spec.message_retention.as_ref();
    let partitions = spec.partition_count.unwrap_or(PARTITIONS).clamp(1, 1_024);
    Ok(Hub {
        uid: uid.to_owned(),
        name: name.as_str().to_owned(),
        resource_name: object.metadata.name.clone().unwrap_or_default(),
        partition_count: u32::try_from(partitions).unwrap_or(1),
        retention_seconds: retention_seconds(retention),
        retention_bytes: retention
            .and_then(|retention| retention.size_in_bytes)
            .and_then(|size| u64::try_from(size).ok()),
        consumer_groups: consumer_groups(spec.consumer_groups.as_deref().unwrap_or_default())?,
    })
}

fn retention_seconds(retention: Option<&MessageRetention>) -> u64 {
    let hours = retention.and_then(|retention| retention.time_in_hours);
    let hours = hours.unwrap_or(RETENTION_HOURS).clamp(1, 2_160);
    u64::try_from(hours).unwrap_or(1) * HOUR
}

/// In an order that does not depend on that of the list: another order is no change.
fn consumer_groups(groups: &[ConsumerGroup]) -> Result<Vec<String>, Refusal> {
    // The API server compares a list with itself in the square of its length, so that the schema cannot say this.
    let mut seen = HashMap::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        if let Some(earlier) = seen.insert(group.name.to_ascii_lowercase(), &group.name) {
            return Err(twice(index, earlier));
        }
    }
    let mut names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    names.sort_by_cached_key(|name| name.to_ascii_lowercase());
    Ok(names)
}

fn twice(index: usize, earlier: &str) -> Refusal {
    let path = format!("spec.eventHub.consumerGroups[{index}].name");
    let rule =
        format!("the names of consumer groups are unique, ignoring case, and there is {earlier:?} already");
    Refusal::new(
        Reason::Invalid,
        &path,
        rule,
        "give one of them another name, or remove it",
    )
}

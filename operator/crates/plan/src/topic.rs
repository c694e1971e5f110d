//! A Topic's spec, with its defaults.

use crds::rules::AZURE_NAME;
use crds::v1alpha1::TopicSpec;

use crate::decision::Refusal;
use crate::duration::IsoDuration;
use crate::name::ClientName;
use crate::namespace::broken;

/// Azure's default for a namespace topic.
const RETENTION_DAYS: i32 = 1;

/// How long the topic keeps events.
pub(crate) fn retention(spec: &TopicSpec) -> IsoDuration {
    let days = spec.event_retention_in_days.unwrap_or(RETENTION_DAYS);
    IsoDuration::from_days(u64::try_from(days).unwrap_or(1))
}

/// The name that clients use.
pub(crate) fn client_name(azure_name: Option<&str>, resource_name: &str) -> Result<ClientName, Refusal> {
    ClientName::new(azure_name.unwrap_or(resource_name)).ok_or_else(|| broken("spec.azureName", &AZURE_NAME))
}

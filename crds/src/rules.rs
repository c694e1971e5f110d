//! The CEL rules of the schemas, in one place.
//!
//! `plan::manifest` implements every [`Rule`] in Rust and finds it by its expression; a rule
//! without a twin, or with a twin that decides otherwise, fails a test there.

use serde_json::{Value, json};

/// A rule about one object (or a part of one).
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The CEL expression that must be true of `self`.
    pub expression: &'static str,
    /// The rule in words.
    pub rule: &'static str,
    /// What to do about a violation.
    pub fix: &'static str,
}

impl Rule {
    /// What the API server answers: the rule, then the fix.
    pub fn message(&self) -> String {
        format!("{}; {}", self.rule, self.fix)
    }
}

impl From<Rule> for kube::core::Rule {
    fn from(rule: Rule) -> Self {
        Self::new(rule.expression).message(rule.message().as_str())
    }
}

/// The value of `x-kubernetes-validations`.
pub(crate) fn validations(rules: &[Rule]) -> Value {
    rules
        .iter()
        .map(|rule| json!({ "rule": rule.expression, "message": rule.message() }))
        .collect()
}

/// The name of a Namespace becomes the name of a Service and the stem of other names.
pub const NAMESPACE_NAME: Rule = Rule {
    expression: "self.metadata.name.matches('^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$')",
    rule: "the name of a Namespace has at most 40 of a-z 0-9 -, begins with a letter and does not end with -",
    fix: "create it under such a name",
};

/// Azure's rule for names of topics and event subscriptions, where Kubernetes' name is used.
pub const NAME_FOR_CLIENTS: Rule = Rule {
    expression: "has(self.spec.azureName) || self.metadata.name.matches('^[-a-z0-9]{3,50}$')",
    rule: "without azureName, clients use metadata.name, and a name for clients has 3 to 50 of A-Z a-z 0-9 -",
    fix: "set spec.azureName to the name that clients use",
};

/// Azure's rule for names of topics and event subscriptions.
pub const AZURE_NAME: Rule = Rule {
    expression: "self.matches('^[-A-Za-z0-9]{3,50}$')",
    rule: "a name for clients has 3 to 50 of A-Z a-z 0-9 -",
    fix: "choose such a name",
};

/// Azure's rule for names of event hubs. Every name that Kubernetes allows for a resource is one.
pub const HUB_AZURE_NAME: Rule = Rule {
    expression: "self.matches('^[A-Za-z0-9]([-._A-Za-z0-9]{0,254}[A-Za-z0-9])?$')",
    rule: "the name of a hub has at most 256 of A-Z a-z 0-9 . _ - and begins and ends with a letter or digit",
    fix: "choose such a name",
};

/// The words that [`NAME_RESERVED`] and [`AZURE_NAME_RESERVED`] keep for paths of the endpoint.
pub const RESERVED_NAMES: [&str; 11] = [
    "api",
    "client",
    "clients",
    "topics",
    "checkpoints",
    "metadata",
    "oauth2",
    "adfs",
    "mqtt",
    "messages",
    "server",
];

/// [`RESERVED_NAMES`], for a Topic or Hub without `azureName`.
pub const NAME_RESERVED: Rule = Rule {
    expression: "has(self.spec.azureName) || !(self.metadata.name in ['api', 'client', 'clients', 'topics', 'checkpoints', 'metadata', 'oauth2', 'adfs', 'mqtt', 'messages', 'server'])",
    rule: "api client clients topics checkpoints metadata oauth2 adfs mqtt messages server are reserved as names for clients",
    fix: "set spec.azureName to another name",
};

/// [`RESERVED_NAMES`], for an `azureName`.
pub const AZURE_NAME_RESERVED: Rule = Rule {
    expression: "!(self.lowerAscii() in ['api', 'client', 'clients', 'topics', 'checkpoints', 'metadata', 'oauth2', 'adfs', 'mqtt', 'messages', 'server'])",
    rule: "api client clients topics checkpoints metadata oauth2 adfs mqtt messages server are reserved as names for clients",
    fix: "choose another name",
};

/// `azureName` can be neither changed, nor added, nor taken away: each would rename a living entity.
pub const AZURE_NAME_IMMUTABLE: Rule = Rule {
    expression: "has(self.azureName) == has(oldSelf.azureName) && (!has(self.azureName) || self.azureName == oldSelf.azureName)",
    rule: "azureName is immutable",
    fix: "create another resource with the new name and delete this one",
};

/// References cannot be changed.
pub const REFERENCE_IMMUTABLE: Rule = Rule {
    expression: "self == oldSelf",
    rule: "a reference is immutable",
    fix: "create another resource with the new reference and delete this one",
};

/// One place for dead letters.
pub const ONE_DEAD_LETTER: Rule = Rule {
    expression: "has(self.topicRef) != has(self.objectStore)",
    rule: "deadLetter has exactly one of topicRef and objectStore",
    fix: "set one of them, or leave out deadLetter to drop dead letters",
};

/// The dead letter topic cannot be exchanged in one step.
pub const DEAD_LETTER_TOPIC_IMMUTABLE: Rule = Rule {
    expression: "self.name == oldSelf.name",
    rule: "a reference is immutable",
    fix: "apply the resource without deadLetter, then with the new one",
};

/// One kind of storage.
pub const ONE_STORAGE: Rule = Rule {
    expression: "has(self.persistentVolume) != has(self.ephemeral)",
    rule: "storage has exactly one of persistentVolume and ephemeral",
    fix: "set one of them, or leave out storage for a persistent volume of 10Gi",
};

/// Sizes of a log: a grammar that is a part of Kubernetes' quantities, and a range.
pub const STORAGE_SIZE: Rule = Rule {
    expression: "self.matches('^[0-9]{1,14}([.][0-9]{1,3})?(Ki|Mi|Gi|Ti|k|M|G|T)?$') && quantity(self).compareTo(quantity('32Mi')) >= 0 && quantity(self).compareTo(quantity('64Ti')) <= 0",
    rule: "a size is a number with one of the units Ki Mi Gi Ti k M G T, from 32Mi to 64Ti",
    fix: "write for example 10Gi",
};

/// Names of StorageClasses, and the empty name that means none.
pub const STORAGE_CLASS_NAME: Rule = Rule {
    expression: "self == '' || self.matches('^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$')",
    rule: "the name of a StorageClass has a-z 0-9 - . and begins and ends with a letter or digit",
    fix: "write such a name, or remove the field for the cluster's default class",
};

/// Data does not move between a volume and a pod's disk.
pub const STORAGE_KIND_IMMUTABLE: Rule = Rule {
    expression: "(has(self.storage) && has(self.storage.ephemeral)) == (has(oldSelf.storage) && has(oldSelf.storage.ephemeral))",
    rule: "the kind of storage is immutable, and without storage it is persistentVolume",
    fix: "create another Namespace with the other kind",
};

/// A volume keeps the class that it was made with.
pub const STORAGE_CLASS_IMMUTABLE: Rule = Rule {
    expression: "(has(self.storage) && has(self.storage.ephemeral)) || (has(oldSelf.storage) && has(oldSelf.storage.ephemeral)) || (has(self.storage) && has(self.storage.persistentVolume) && has(self.storage.persistentVolume.storageClassName) ? [self.storage.persistentVolume.storageClassName] : []) == (has(oldSelf.storage) && has(oldSelf.storage.persistentVolume) && has(oldSelf.storage.persistentVolume.storageClassName) ? [oldSelf.storage.persistentVolume.storageClassName] : [])",
    rule: "storageClassName is immutable",
    fix: "create another Namespace with the other class",
};

/// Kubernetes can grow a volume and not shrink it.
pub const VOLUME_NEVER_SHRINKS: Rule = Rule {
    expression: "(has(self.storage) && has(self.storage.ephemeral)) || (has(oldSelf.storage) && has(oldSelf.storage.ephemeral)) || quantity(has(self.storage) && has(self.storage.persistentVolume) ? self.storage.persistentVolume.size : '10Gi').compareTo(quantity(has(oldSelf.storage) && has(oldSelf.storage.persistentVolume) ? oldSelf.storage.persistentVolume.size : '10Gi')) >= 0",
    rule: "a persistent volume can grow and never shrink, and without storage it has 10Gi",
    fix: "write at least the size that it has",
};

/// The user's certificate has its own names.
pub const DNS_NAMES_WITHOUT_SECRET: Rule = Rule {
    expression: "!has(self.secretRef) || !has(self.dnsNames)",
    rule: "dnsNames has no meaning with secretRef, because that certificate has its own names",
    fix: "remove dnsNames, or remove secretRef for a certificate that Weft makes",
};

/// Names that a certificate of ours can carry.
pub const DNS_NAME: Rule = Rule {
    expression: "self.matches('^([*][.])?([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])*[a-z]([-a-z0-9]{0,61}[a-z0-9])?$') || self.matches('^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])[.]){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')",
    rule: "this is a DNS name in lower case, whose first label may be *, or an IPv4 address",
    fix: "write for example events.example.com",
};

/// One place for the copy of positions.
pub const ONE_CHECKPOINT: Rule = Rule {
    expression: "has(self.configMap) != has(self.objectStore)",
    rule: "checkpoint has exactly one of configMap and objectStore",
    fix: "set one of them, or leave out checkpoint for ConfigMaps",
};

/// Places in object stores, in what of their spelling no store can misunderstand.
pub const OBJECT_STORE_URL: Rule = Rule {
    expression: "self.matches('^(s3|gs|az|azure)://[A-Za-z0-9]([-._A-Za-z0-9]{0,220}[A-Za-z0-9])?(/[-_=+~A-Za-z0-9][-._=+~A-Za-z0-9]*)*/?$') || self.matches('^file:///.+$')",
    rule: "an object store is s3://, gs://, az:// or azure://, a bucket and a path of A-Z a-z 0-9 . _ - = + ~ whose parts do not begin with a dot, or file:/// and a folder in local mode",
    fix: "write for example s3://bucket/weft/shop",
};

/// URLs under which issuers publish their keys.
pub const ISSUER_URL: Rule = Rule {
    expression: "self.matches('^https://[A-Za-z0-9]([-.A-Za-z0-9]{0,251}[A-Za-z0-9])?(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(/[-._~%/A-Za-z0-9]*)?$')",
    rule: "the URL of an issuer begins with https:// and a name, and has neither user, query nor fragment",
    fix: "write it as it stands in iss of a token, for example https://login.example.com/tenant",
};

/// A prefix keeps what an issuer says apart from what the cluster vouches for. One that `system:` begins with would let
/// a claim complete the word.
pub const ISSUER_PREFIX: Rule = Rule {
    expression: "self.matches('^[-._:/@#A-Za-z0-9]+$') && !self.startsWith('system:') && !'system:'.startsWith(self)",
    rule: "a prefix consists of A-Z a-z 0-9 - . _ : / @ #, and no name with it can begin with system:, which are the cluster's own",
    fix: "write for example corp:",
};

/// Certificates as text.
pub const CERTIFICATES: Rule = Rule {
    expression: "self.contains('-----BEGIN CERTIFICATE-----')",
    rule: "these are certificates as PEM, from -----BEGIN CERTIFICATE----- on",
    fix: "write the text of the certificate, not the name of a file",
};

/// Names of objects that are not ours.
pub const OBJECT_NAME: Rule = Rule {
    expression: "self.matches('^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$')",
    rule: "the name of a Kubernetes object has a-z 0-9 - . and begins and ends with a letter or digit",
    fix: "write the name of an object of your cluster",
};

/// Keys of labels and annotations.
pub const KEYS: Rule = Rule {
    expression: "self.all(key, key.size() <= 317 && key.matches('^(([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])*[a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$'))",
    rule: "a key has at most 63 of A-Z a-z 0-9 - . _ and begins and ends with a letter or digit, after a DNS name and / if need be",
    fix: "write for example team or example.com/team",
};

/// Values of labels.
pub const LABEL_VALUES: Rule = Rule {
    expression: "self.all(key, self[key].matches('^([A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$'))",
    rule: "a label's value has at most 63 of A-Z a-z 0-9 - . _ and begins and ends with a letter or digit",
    fix: "write such a value, or use an annotation",
};

/// Labels of pods that users may not set, beside those of `weft.dev/`.
pub const OWN_LABELS: [&str; 4] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app.kubernetes.io/managed-by",
];

/// [`OWN_LABELS`], and all of our prefix.
pub const LABELS_OF_USERS: Rule = Rule {
    expression: "self.all(key, !key.startsWith('weft.dev/') && !(key in ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/component', 'app.kubernetes.io/managed-by']))",
    rule: "labels of weft.dev/ and name, instance, component, managed-by of app.kubernetes.io/ belong to Weft",
    fix: "remove them, or choose another label",
};

/// All of our prefix.
pub const ANNOTATIONS_OF_USERS: Rule = Rule {
    expression: "self.all(key, !key.startsWith('weft.dev/'))",
    rule: "annotations of weft.dev/ belong to Weft",
    fix: "remove them; those for users stand in metadata.annotations of the Namespace",
};

/// Amounts of CPU, memory and the like.
pub const QUANTITIES: Rule = Rule {
    expression: "self.all(name, string(self[name]).matches('^[0-9]{1,14}([.][0-9]{1,3})?(m|Ki|Mi|Gi|Ti|k|M|G|T)?$'))",
    rule: "an amount is a number with one of the units m Ki Mi Gi Ti k M G T or none",
    fix: "write for example 500m of cpu or 256Mi of memory",
};

/// A duration to the second, zero allowed.
pub const DURATION: Rule = Rule {
    expression: "self.matches('^P([0-9]{1,3}D)?(T([0-9]{1,4}H)?([0-9]{1,6}M)?([0-9]{1,8}S)?)?$') && !self.endsWith('P') && !self.endsWith('T')",
    rule: "this is an ISO 8601 duration of days, hours, minutes and seconds",
    fix: "write for example P1D, PT12H or P1DT30M",
};

/// A duration in whole minutes, more than zero.
pub const DURATION_IN_MINUTES: Rule = Rule {
    expression: "self.matches('^P([0-9]{1,2}D)?(T([0-9]{1,3}H)?([0-9]{1,5}M)?)?$') && !self.endsWith('P') && !self.endsWith('T') && self.matches('[1-9]')",
    rule: "this is an ISO 8601 duration of days, hours and minutes, at least one minute",
    fix: "write for example P1D, PT12H or PT90M",
};

/// With `Retain` nothing ends, so there is no grace period.
pub const GRACE_ONLY_WITH_DELETE: Rule = Rule {
    expression: "!has(self.deletionGracePeriod) || !has(self.deletionPolicy) || self.deletionPolicy == 'Delete'",
    rule: "deletionGracePeriod has no meaning with deletionPolicy: Retain",
    fix: "remove deletionGracePeriod, or set deletionPolicy: Delete",
};

/// Names of authorization rules.
pub const AUTHORIZATION_RULE_NAME: Rule = Rule {
    expression: "self.matches('^[A-Za-z0-9]([-._A-Za-z0-9]{0,48}[A-Za-z0-9])?$')",
    rule: "the name of an authorization rule has at most 50 of A-Z a-z 0-9 . _ - and begins and ends with a letter or digit",
    fix: "choose such a name",
};

/// The rule that always exists.
pub const AUTHORIZATION_RULE_RESERVED: Rule = Rule {
    expression: "self.lowerAscii() != 'rootmanagesharedaccesskey'",
    rule: "RootManageSharedAccessKey always exists, with every right",
    fix: "remove this rule or give it another name",
};

/// Names of authorization rules differ in more than case.
pub const AUTHORIZATION_RULES_UNIQUE: Rule = Rule {
    expression: "self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))",
    rule: "the names of authorization rules are unique, ignoring case",
    fix: "give one of them another name",
};

/// Partitions that go would take their events with them. Without a number there are 4, which is `plan`'s default.
pub const PARTITIONS_NEVER_SHRINK: Rule = Rule {
    expression: "(has(self.partitionCount) ? self.partitionCount : 4) >= (has(oldSelf.partitionCount) ? oldSelf.partitionCount : 4)",
    rule: "the partitions of a hub can grow and never shrink, and without partitionCount there are 4",
    fix: "write at least the number that it has, or create another hub and delete this one",
};

/// A share of less than this could not hold the largest event.
pub const SIZE_OF_PARTITIONS: Rule = Rule {
    expression: "!has(self.messageRetention) || !has(self.messageRetention.sizeInBytes) || self.messageRetention.sizeInBytes >= 1048576 * (has(self.partitionCount) ? self.partitionCount : 4)",
    rule: "each partition has an equal share of sizeInBytes, and needs at least 1048576 bytes",
    fix: "write at least 1048576 times the number of partitions, which is 4 if absent",
};

/// Azure's rule for names of consumer groups; of `$Default` [`CONSUMER_GROUP_RESERVED`] has more to say.
pub const CONSUMER_GROUP_NAME: Rule = Rule {
    expression: "self.lowerAscii() == '$default' || self.matches('^[A-Za-z0-9]([-._A-Za-z0-9]{0,48}[A-Za-z0-9])?$')",
    rule: "the name of a consumer group has at most 50 of A-Z a-z 0-9 . _ - and begins and ends with a letter or digit",
    fix: "choose such a name",
};

/// The consumer group that always exists.
pub const CONSUMER_GROUP_RESERVED: Rule = Rule {
    expression: "self.lowerAscii() != '$default'",
    rule: "the consumer group $Default always exists and is not listed",
    fix: "remove this entry; without others, remove consumerGroups",
};

/// A filter compares in one way.
pub const ONE_OPERATOR: Rule = Rule {
    expression: "[has(self.numberIn), has(self.numberNotIn), has(self.numberLessThan), has(self.numberLessThanOrEquals), has(self.numberGreaterThan), has(self.numberGreaterThanOrEquals), has(self.numberInRange), has(self.numberNotInRange), has(self.boolEquals), has(self.stringIn), has(self.stringNotIn), has(self.stringBeginsWith), has(self.stringEndsWith), has(self.stringContains), has(self.stringNotBeginsWith), has(self.stringNotEndsWith), has(self.stringNotContains), has(self.isNullOrUndefined), has(self.isNotNull)].exists_one(set, set)",
    rule: "a filter has exactly one operator beside its key",
    fix: "set one operator such as stringIn, and write a filter of its own for each further one",
};

/// Azure's limit on the values of all filters together.
pub const FILTER_VALUES: Rule = Rule {
    expression: "self.map(f, (has(f.numberIn) ? f.numberIn.size() : 0) + (has(f.numberNotIn) ? f.numberNotIn.size() : 0) + (has(f.numberLessThan) ? 1 : 0) + (has(f.numberLessThanOrEquals) ? 1 : 0) + (has(f.numberGreaterThan) ? 1 : 0) + (has(f.numberGreaterThanOrEquals) ? 1 : 0) + (has(f.numberInRange) ? f.numberInRange.size() : 0) + (has(f.numberNotInRange) ? f.numberNotInRange.size() : 0) + (has(f.boolEquals) ? 1 : 0) + (has(f.stringIn) ? f.stringIn.size() : 0) + (has(f.stringNotIn) ? f.stringNotIn.size() : 0) + (has(f.stringBeginsWith) ? f.stringBeginsWith.size() : 0) + (has(f.stringEndsWith) ? f.stringEndsWith.size() : 0) + (has(f.stringContains) ? f.stringContains.size() : 0) + (has(f.stringNotBeginsWith) ? f.stringNotBeginsWith.size() : 0) + (has(f.stringNotEndsWith) ? f.stringNotEndsWith.size() : 0) + (has(f.stringNotContains) ? f.stringNotContains.size() : 0)).sum() <= 25",
    rule: "the filters of a subscription have at most 25 values together",
    fix: "remove values, or split the subscription in two",
};

/// What a filter can look at.
pub const FILTER_KEY: Rule = Rule {
    expression: "self.matches('^([A-Za-z0-9]{1,20}|[Dd]ata([.][^.]+)+)$')",
    rule: "a key is the name of an attribute (at most 20 letters and digits) or a path into the data",
    fix: "write for example subject, source, the name of an extension attribute, or data.order.country",
};

/// Ranges go upwards.
pub const RANGES_ASCEND: Rule = Rule {
    expression: "self.all(r, r[0] <= r[1])",
    rule: "a range is [lowest, highest], both included",
    fix: "write the lower number first",
};

/// The operators without a value are switched on, never off.
pub const ONLY_TRUE: Rule = Rule {
    expression: "self",
    rule: "this operator takes only true",
    fix: "write true, or use the opposite one of isNullOrUndefined and isNotNull",
};

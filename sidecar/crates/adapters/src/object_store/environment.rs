//! What environment variables say about an object store, where its own options say nothing.
//!
//! Clouds tell pods in this way who they are: what EKS (roles for ServiceAccounts, and Pod Identity) and Azure (workload
//! identity) put into a container has the names of the stores' own options.

use std::collections::BTreeMap;
use std::str::FromStr;

use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::gcp::GoogleConfigKey;

type Options = BTreeMap<String, String>;

/// `own`, the options that the store at `url` was given, and under them those of environment variables: those that begin
/// with `AWS_`, `AZURE_` or `GOOGLE_`, as fits the URL, and that the `object_store` crate knows. Others are passed over.
///
/// Nothing is taken from the environment that `own` has settled: whoever says by what we prove who we are is not mixed up
/// with somebody else. The store's client would be: it prefers a token file of the environment to a SAS, for example.
pub fn complete(url: &str, own: &Options, variables: impl IntoIterator<Item = (String, String)>) -> Options {
    match url.split_once("://").map_or("", |(scheme, _)| scheme) {
        "s3" => under::<AmazonS3ConfigKey>("aws_", own, variables),
        "az" | "azure" => under::<AzureConfigKey>("azure_", own, variables),
        "gs" => under::<GoogleConfigKey>("google_", own, variables),
        _ => own.clone(),
    }
}

fn under<K: Key>(
    prefix: &str,
    own: &Options,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Options {
    let told: Vec<K> = own.keys().filter_map(|name| read(name)).collect();
    let is_free = |key: &K| {
        let settled = |told: &K| told == key || told.says().settles(key.says());
        !told.iter().any(settled)
    };
    let surrounding = variables
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value));
    let taken = surrounding.filter(|(name, value)| {
        name.starts_with(prefix) && !value.is_empty() && read(name).as_ref().is_some_and(is_free)
    });
    taken.chain(own.clone()).collect()
}

fn read<K: FromStr>(name: &str) -> Option<K> {
    name.to_ascii_lowercase().parse().ok()
}

/// What an option is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// By what we prove who we are, whoever it is.
    Proof,
    /// The same; it proves that we are who is named beside it.
    ProofOfName,
    /// Who we are, or want to become.
    Name,
    /// How proof is got, or which one is chosen.
    Way,
    /// Where the store is.
    Endpoint,
    Region,
    Other,
}

impl Says {
    /// Whether an option that says this leaves nothing for one that says `other`.
    fn settles(self, other: Self) -> bool {
        match self {
            Self::Proof | Self::ProofOfName => {
                matches!(other, Self::Proof | Self::ProofOfName | Self::Name | Self::Way)
            }
            Self::Name => other == Self::ProofOfName,
            Self::Endpoint | Self::Region => other == self,
            Self::Way | Self::Other => false,
        }
    }
}

/// The options of one kind of store.
trait Key: FromStr + PartialEq {
    fn says(&self) -> Says;
}

impl Key for AmazonS3ConfigKey {
    fn says(&self) -> Says {
        match self {
            Self::AccessKeyId
            | Self::SecretAccessKey
            | Self::Token
            | Self::WebIdentityTokenFile
            | Self::ContainerCredentialsRelativeUri
            | Self::ContainerCredentialsFullUri
            | Self::ContainerAuthorizationTokenFile => Says::Proof,
            Self::RoleArn => Says::Name,
            Self::RoleSessionName
            | Self::StsEndpoint
            | Self::ImdsV1Fallback
            | Self::MetadataEndpoint
            | Self::SkipSignature => Says::Way,
            Self::Endpoint | Self::S3Endpoint => Says::Endpoint,
            Self::Region | Self::DefaultRegion => Says::Region,
            _ => Says::Other,
        }
    }
}

impl Key for AzureConfigKey {
    fn says(&self) -> Says {
        match self {
            Self::Token
            | Self::FederatedTokenFile
            | Self::FabricTokenServiceUrl
            | Self::FabricWorkloadHost
            | Self::FabricSessionToken
            | Self::FabricClusterIdentifier => Says::Proof,
            Self::AccessKey | Self::SasKey | Self::ClientSecret => Says::ProofOfName,
            Self::AccountName | Self::ClientId | Self::AuthorityId | Self::ObjectId | Self::MsiResourceId => {
                Says::Name
            }
            Self::AuthorityHost
            | Self::MsiEndpoint
            | Self::UseAzureCli
            | Self::CredentialType
            | Self::SkipSignature => Says::Way,
            Self::Endpoint | Self::UseEmulator | Self::UseFabricEndpoint => Says::Endpoint,
            _ => Says::Other,
        }
    }
}

impl Key for GoogleConfigKey {
    fn says(&self) -> Says {
        match self {
            Self::ServiceAccount
            | Self::ServiceAccountKey
            | Self::ApplicationCredentials
            | Self::BearerToken => Says::Proof,
            Self::SkipSignature => Says::Way,
            Self::BaseUrl => Says::Endpoint,
            _ => Says::Other,
        }
    }
}

#[cfg(test)]
mod tests;

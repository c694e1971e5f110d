//! What environment variables say about an object store.

use std::collections::BTreeMap;

use object_store::aws::AmazonS3ConfigKey;
use object_store::azure::AzureConfigKey;
use object_store::gcp::GoogleConfigKey;

/// The options of the store at `url` among environment variables: those that begin with `AWS_`, `AZURE_` or `GOOGLE_`,
/// as fits the URL, and that the `object_store` crate knows. Others are passed over.
pub fn options_from(
    url: &str,
    variables: impl IntoIterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_known: fn(&str) -> bool = match scheme {
        "s3" => |name| name.starts_with("aws_") && name.parse::<AmazonS3ConfigKey>().is_ok(),
        "az" | "azure" => |name| name.starts_with("azure_") && name.parse::<AzureConfigKey>().is_ok(),
        "gs" => |name| name.starts_with("google_") && name.parse::<GoogleConfigKey>().is_ok(),
        _ => |_| false,
    };
    let options = variables
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value));
    options
        .filter(|(name, value)| !value.is_empty() && is_known(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_given_its_own_variables_and_no_others() {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_PROFILE", "work"),
            ("AWS_REGION", ""),
            ("AZURE_STORAGE_ACCOUNT_NAME", "shop"),
            ("GOOGLE_SERVICE_ACCOUNT", "/key.json"),
            ("REGION", "eu-west-3"),
            ("PATH", "/bin"),
        ];
        let of = |url| {
            let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Vec::from_iter(options_from(url, variables))
        };
        let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert_eq!(of("s3://bucket/x"), pair("aws_access_key_id", "id"));
        assert_eq!(of("az://container"), pair("azure_storage_account_name", "shop"));
        assert_eq!(of("gs://bucket"), pair("google_service_account", "/key.json"));
        assert_eq!(of("file:///x"), []);
    }
}

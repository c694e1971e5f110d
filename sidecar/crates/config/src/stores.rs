//! What both sides know of object stores: which of their options are credentials.

/// The options by which a pod proves who it is to a store whose URL begins with `scheme`, in every spelling that the store's
/// client knows. Where there are none, the pod has to ask its cloud, which the network must allow.
///
/// What only names somebody (`aws_role_arn`, `azure_client_id`) is none, nor is a place where a credential is fetched without
/// TLS (`aws_container_credentials_full_uri`).
pub fn credentials_of(scheme: &str) -> &'static [&'static str] {
    match scheme {
        "s3" => &S3,
        "az" | "azure" => &AZURE,
        "gs" => &GOOGLE,
        _ => &[],
    }
}

const S3: [&str; 6] = [
    "access_key_id",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_web_identity_token_file",
    "secret_access_key",
    "web_identity_token_file",
];

const AZURE: [&str; 18] = [
    "access_key",
    "account_key",
    "azure_client_secret",
    "azure_federated_token_file",
    "azure_storage_access_key",
    "azure_storage_account_key",
    "azure_storage_client_secret",
    "azure_storage_master_key",
    "azure_storage_sas_key",
    "azure_storage_sas_token",
    "azure_storage_token",
    "bearer_token",
    "client_secret",
    "federated_token_file",
    "master_key",
    "sas_key",
    "sas_token",
    "token",
];

const GOOGLE: [&str; 10] = [
    "application_credentials",
    "bearer_token",
    "google_application_credentials",
    "google_bearer_token",
    "google_service_account",
    "google_service_account_key",
    "google_service_account_path",
    "service_account",
    "service_account_key",
    "service_account_path",
];

use runtime::TaskScope;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::object_store::{Letters, ObjectLetters};

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn options(own: &[(&str, &str)]) -> Options {
    pairs(own).into_iter().collect()
}

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
    let of = |url| Vec::from_iter(complete(url, &Options::new(), pairs(&variables)));
    assert_eq!(of("s3://bucket/x"), pairs(&[("aws_access_key_id", "id")]));
    assert_eq!(
        of("az://container"),
        pairs(&[("azure_storage_account_name", "shop")])
    );
    assert_eq!(
        of("gs://bucket"),
        pairs(&[("google_service_account", "/key.json")])
    );
    assert_eq!(of("file:///x"), []);
}

/// What EKS puts into a container whose ServiceAccount has a role.
const ROLE: &[(&str, &str)] = &[
    ("AWS_DEFAULT_REGION", "eu-west-3"),
    ("AWS_REGION", "eu-west-3"),
    ("AWS_ROLE_ARN", "arn:aws:iam::1:role/weft"),
    ("AWS_STS_REGIONAL_ENDPOINTS", "regional"),
    (
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
    ),
];

/// The same, with Pod Identity.
const POD_IDENTITY: &[(&str, &str)] = &[
    (
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token",
    ),
    (
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "http://169.254.170.23/v1/credentials",
    ),
];

/// What Azure's workload identity puts into a container.
const WORKLOAD_IDENTITY: &[(&str, &str)] = &[
    ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
    ("AZURE_CLIENT_ID", "c"),
    (
        "AZURE_FEDERATED_TOKEN_FILE",
        "/var/run/secrets/azure/tokens/azure-identity-token",
    ),
    ("AZURE_TENANT_ID", "t"),
];

/// That with these options of its own, a store takes of the environment the options `taken`.
fn takes(url: &str, own: &[(&str, &str)], environment: &[(&str, &str)], taken: &[&str]) {
    let mut found = complete(url, &options(own), pairs(environment));
    for (name, value) in own {
        assert_eq!(found.remove(*name).as_deref(), Some(*value), "{own:?}");
    }
    assert_eq!(Vec::from_iter(found.into_keys()), taken, "{own:?}");
}

#[test]
fn what_clouds_put_into_a_pod_completes_what_the_secret_leaves_open() {
    let role = [
        "aws_default_region",
        "aws_region",
        "aws_role_arn",
        "aws_web_identity_token_file",
    ];
    takes("s3://bucket", &[], ROLE, &role);
    takes("s3://bucket", &[("region", "eu-central-1")], ROLE, &role[2..]);
    takes(
        "s3://bucket",
        &[("aws_default_region", "eu-central-1")],
        ROLE,
        &role[2..],
    );
    let container = [
        "aws_container_authorization_token_file",
        "aws_container_credentials_full_uri",
    ];
    takes(
        "s3://bucket",
        &[("aws_region", "eu-central-1")],
        POD_IDENTITY,
        &container,
    );
    let azure = [
        "azure_authority_host",
        "azure_client_id",
        "azure_federated_token_file",
        "azure_tenant_id",
    ];
    takes(
        "az://container",
        &[("azure_storage_account_name", "shop")],
        WORKLOAD_IDENTITY,
        &azure,
    );
    takes(
        "gs://bucket",
        &[("ca.crt", "pem")],
        &[("GOOGLE_SERVICE_ACCOUNT", "f")],
        &["google_service_account"],
    );
}

#[test]
fn who_is_named_in_the_secret_is_proven_by_the_pods_token_and_by_nobody_elses() {
    let other = [("aws_role_arn", "arn:aws:iam::2:role/letters")];
    let rest = ["aws_default_region", "aws_region", "aws_web_identity_token_file"];
    takes("s3://bucket", &other, ROLE, &rest);
    let other = [("azure_storage_account_name", "shop"), ("client_id", "d")];
    let rest = [
        "azure_authority_host",
        "azure_federated_token_file",
        "azure_tenant_id",
    ];
    takes("az://container", &other, WORKLOAD_IDENTITY, &rest);
    let another_accounts = [
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "k"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "billing"),
        ("AZURE_STORAGE_SAS_TOKEN", "sig=s"),
    ];
    takes("azure://container", &other, &another_accounts, &[]);
}

#[test]
fn a_credential_of_the_secret_leaves_nothing_of_the_environments_identity() {
    let region = ["aws_default_region", "aws_region"];
    for own in [
        [("aws_access_key_id", "id"), ("aws_secret_access_key", "k")],
        [("ACCESS_KEY_ID", "id"), ("SECRET_ACCESS_KEY", "k")],
        [("aws_web_identity_token_file", "/t"), ("aws_role_arn", "r")],
    ] {
        takes("s3://bucket", &own, ROLE, &region);
        takes("s3://bucket", &own, POD_IDENTITY, &[]);
        let keys = [
            ("AWS_ACCESS_KEY_ID", "i"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_SESSION_TOKEN", "t"),
        ];
        takes("s3://bucket", &own, &keys, &[]);
    }
    for credential in [
        ("azure_storage_account_key", "a2V5"),
        ("azure_storage_sas_token", "sig=s"),
        ("azure_client_secret", "s"),
        ("bearer_token", "t"),
    ] {
        let own = [("azure_storage_account_name", "shop"), credential];
        takes("az://container", &own, WORKLOAD_IDENTITY, &[]);
        takes(
            "az://container",
            &own,
            &[("AZURE_CREDENTIAL_TYPE", "workload_identity")],
            &[],
        );
    }
    let variables = [
        ("GOOGLE_APPLICATION_CREDENTIALS", "f"),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
    ];
    takes(
        "gs://bucket",
        &[("google_service_account_key", "{}")],
        &variables,
        &[],
    );
}

#[test]
fn an_endpoint_of_the_secret_is_not_outdone_by_a_more_special_one() {
    let variables = [
        ("AWS_ENDPOINT_URL_S3", "https://other"),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    takes(
        "s3://bucket",
        &[("aws_endpoint", "https://minio")],
        &variables,
        &["aws_allow_http"],
    );
    let variables = [("AZURE_STORAGE_USE_EMULATOR", "true")];
    takes(
        "az://container",
        &[("azure_endpoint", "https://azurite")],
        &variables,
        &[],
    );
}

/// A store that takes everything, and tells the head of the first request.
async fn keeper(scope: &TaskScope) -> (String, tokio::sync::oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, head) = tokio::sync::oneshot::channel();
    scope.spawn("keeper", async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = String::new();
        while !head.contains("\r\n\r\n") {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.unwrap();
            head.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        let created = "HTTP/1.1 201 Created\r\nETag: \"1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
                       Content-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(created.as_bytes()).await.unwrap();
        let _ = sender.send(head);
    });
    (endpoint, head)
}

/// What a request for a store with these options looks like in a pod with workload identity, whose token cannot be read.
async fn request(own: &[(&str, &str)]) -> String {
    let scope = TaskScope::root();
    let (endpoint, head) = keeper(&scope).await;
    let place = [
        ("azure_storage_account_name", "shop"),
        ("azure_endpoint", endpoint.as_str()),
        ("azure_allow_http", "true"),
    ];
    let own: Vec<_> = own.iter().chain(&place).copied().collect();
    let options = complete("az://letters", &options(&own), pairs(WORKLOAD_IDENTITY));
    let store = ObjectLetters::open("az://letters", &options).unwrap();
    store.put(&["a.json".to_owned()], "[]".into()).await.unwrap();
    let head = head.await.unwrap();
    scope.cancel();
    head
}

#[tokio::test]
async fn the_stores_client_shows_the_secrets_credential_in_a_pod_that_has_an_identity_of_its_own() {
    let head = request(&[("azure_storage_sas_token", "sv=2022&sig=ours")]).await;
    assert!(head.lines().next().unwrap().contains("sig=ours"), "{head}");
    let head = request(&[("azure_storage_account_key", "c2VjcmV0")]).await;
    assert!(head.contains("SharedKey shop:"), "{head}");
    let head = request(&[("azure_storage_token", "ours")]).await;
    assert!(head.contains("Bearer ours"), "{head}");
}

//! Where the objects are, and who we are to their keeper.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Certificate, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Of one request.
const TIMEOUT: Duration = Duration::from_secs(15);
/// What hiccups is asked again this often before the caller hears of it, who will try again, too.
const RETRIES_MAX: usize = 2;
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);

/// The option that holds certificates (PEM) which the endpoint may be proven by, beside the public ones. The
/// key that Kubernetes' own Secrets have for that.
const CERTIFICATE_AUTHORITY: &str = "ca.crt";

/// Why a location cannot be used. None of it changes by itself.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// It is no URL.
    #[error("`{url}` is no URL: {cause}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        cause: url::ParseError,
    },
    /// It says more than where things are.
    #[error(
        "the URL of an object store has no password, query or fragment: credentials belong into the Secret"
    )]
    Superfluous,
    /// It leads to a kind of place that is not known.
    #[error(
        "`{0}` is no object store: `s3://BUCKET/PATH`, `az://CONTAINER/PATH`, `gs://BUCKET/PATH` and `file:///PATH` are"
    )]
    Scheme(String),
    /// A folder without a place.
    #[error("{} is no absolute path", .0.display())]
    Relative(PathBuf),
    /// The store does not know this option.
    #[error("`{option}` is no option of {store}: see the documentation of its configuration keys")]
    Option {
        /// Its name; never its value.
        option: String,
        /// Whose option it should be.
        store: &'static str,
    },
    /// A role of AWS that nobody can take on: the store's client would pass it over and be somebody else.
    #[error(
        "`aws_role_arn` has no effect without `aws_web_identity_token_file`, which EKS gives to a pod whose ServiceAccount \
         has a role (IRSA): give the ServiceAccount that role, use access keys, or remove `aws_role_arn`"
    )]
    RoleWithoutToken,
    /// The options do not fit together, or one is missing.
    #[error("{0}")]
    Store(#[from] object_store::Error),
    /// The path has parts that no object can have.
    #[error("{0}")]
    Path(#[from] object_store::path::Error),
}

/// The store and the path in it.
pub(super) fn open(
    url: &str,
    options: &BTreeMap<String, String>,
) -> Result<(Arc<dyn ObjectStore>, Path), LocationError> {
    let url = parse(url)?;
    let (scheme, path) =
        ObjectStoreScheme::parse(&url).map_err(|_| LocationError::Scheme(url.to_string()))?;
    let client = || client_options(options);
    let retry = RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    let store: Arc<dyn ObjectStore> = match scheme {
        ObjectStoreScheme::Local => {
            known::<Never>(options, "a folder")?;
            Arc::new(local())
        }
        ObjectStoreScheme::AmazonS3 => {
            let builder = AmazonS3Builder::new()
                .with_url(url)
                .with_retry(retry)
                .with_client_options(client()?);
            let options = known::<AmazonS3ConfigKey>(options, "S3")?;
            if names_a_role_in_vain(&options) {
                return Err(LocationError::RoleWithoutToken);
            }
            let options = options.into_iter();
            let builder = options.fold(builder, |builder, (key, value)| builder.with_config(key, value));
            Arc::new(builder.build()?)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let builder = MicrosoftAzureBuilder::new()
                .with_url(url)
                .with_retry(retry)
                .with_client_options(client()?);
            let options = known::<AzureConfigKey>(options, "Azure Blob Storage")?.into_iter();
            let builder = options.fold(builder, |builder, (key, value)| builder.with_config(key, value));
            Arc::new(builder.build()?)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let builder = GoogleCloudStorageBuilder::new()
                .with_url(url)
                .with_retry(retry)
                .with_client_options(client()?);
            let options = known::<GoogleConfigKey>(options, "Google Cloud Storage")?.into_iter();
            let builder = options.fold(builder, |builder, (key, value)| builder.with_config(key, value));
            Arc::new(builder.build()?)
        }
        _ => return Err(LocationError::Scheme(url.to_string())),
    };
    Ok((store, path))
}

/// Whether there is a role, no token to take it on with, and nothing that the client prefers to both.
fn names_a_role_in_vain(options: &[(AmazonS3ConfigKey, String)]) -> bool {
    use AmazonS3ConfigKey::{AccessKeyId, RoleArn, SecretAccessKey, WebIdentityTokenFile};
    let has = |wanted: &AmazonS3ConfigKey| options.iter().any(|(key, _)| key == wanted);
    let proofs = [AccessKeyId, SecretAccessKey, WebIdentityTokenFile];
    has(&RoleArn) && !proofs.iter().any(has)
}

/// The machine's own file system, and the path of `folder` in it.
pub(super) fn folder(folder: &std::path::Path) -> Result<(Arc<dyn ObjectStore>, Path), LocationError> {
    let url = Url::from_file_path(folder).map_err(|()| LocationError::Relative(folder.into()))?;
    Ok((Arc::new(local()), Path::from_url_path(url.path())?))
}

fn local() -> LocalFileSystem {
    LocalFileSystem::new().with_fsync(true)
}

fn parse(url: &str) -> Result<Url, LocationError> {
    let parsed = Url::parse(url).map_err(|cause| LocationError::Url {
        url: url.to_owned(),
        cause,
    })?;
    let is_superfluous =
        parsed.password().is_some() || parsed.query().is_some() || parsed.fragment().is_some();
    match is_superfluous {
        true => Err(LocationError::Superfluous),
        false => Ok(parsed),
    }
}

fn client_options(options: &BTreeMap<String, String>) -> Result<ClientOptions, LocationError> {
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(TIMEOUT);
    // A container image may have no roots of its own.
    let public = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let mut roots: Vec<_> = public
        .map(|root| Certificate::from_der(root))
        .collect::<Result<_, _>>()?;
    if let Some(pem) = options.get(CERTIFICATE_AUTHORITY) {
        roots.extend(Certificate::from_pem_bundle(pem.as_bytes())?);
    }
    Ok(roots
        .into_iter()
        .fold(client, ClientOptions::with_root_certificate))
}

/// The options with their names understood.
fn known<K: FromStr>(
    options: &BTreeMap<String, String>,
    store: &'static str,
) -> Result<Vec<(K, String)>, LocationError> {
    let options = options.iter().filter(|(name, _)| *name != CERTIFICATE_AUTHORITY);
    let known = options.map(|(name, value)| match name.to_ascii_lowercase().parse() {
        Ok(key) => Ok((key, value.clone())),
        Err(_) => Err(LocationError::Option {
            option: name.clone(),
            store,
        }),
    });
    known.collect()
}

/// The name of an option where there is none.
enum Never {}

impl FromStr for Never {
    type Err = ();

    fn from_str(_: &str) -> Result<Self, ()> {
        Err(())
    }
}

#[cfg(test)]
mod tests;

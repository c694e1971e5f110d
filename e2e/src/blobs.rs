//! What lies in the containers of a Namespace, as any client of Azure Blob Storage would see it.

use std::{collections::BTreeMap, fs, net::SocketAddr};

use anyhow::{Context, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::{
    Weft,
    http::{Connection, Request, Response},
    manifests::NAMESPACE,
};

/// The version of the protocol that is spoken here.
const VERSION: &str = "2023-11-03";

/// The blob door of a Namespace, and what opens it.
#[derive(Debug, Clone)]
pub struct Blobs {
    pub address: SocketAddr,
    /// The name that its certificate has to bear.
    pub server_name: String,
    /// The authorities to trust, as PEM.
    pub authorities: String,
    /// The value of the header `Authorization`.
    pub authorization: String,
}

/// A blob as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub name: String,
    pub etag: String,
    pub last_modified: String,
    pub metadata: BTreeMap<String, String>,
}

/// How far a consumer group is: sequence numbers by partition.
pub type Positions = BTreeMap<String, i64>;

impl Blobs {
    /// Of local mode, with the developer's token.
    pub fn of(weft: &Weft) -> anyhow::Result<Self> {
        let settings = weft.settings()?;
        let file = |key: &str| {
            let path = settings.get(key).with_context(|| format!("find {key}"))?;
            fs::read_to_string(path).with_context(|| format!("read {path}"))
        };
        Ok(Self {
            address: weft.blob_address(),
            server_name: weft.blob_address().ip().to_string(),
            authorities: file("SSL_CERT_FILE")?,
            authorization: format!("Bearer {}", file("AZURE_FEDERATED_TOKEN_FILE")?.trim()),
        })
    }

    /// The same, with another credential.
    #[must_use]
    pub fn showing(&self, authorization: impl Into<String>) -> Self {
        Self {
            authorization: authorization.into(),
            ..self.clone()
        }
    }

    /// Sends a request without a body, and whatever headers it is given beside the credential.
    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> anyhow::Result<Response> {
        let mut request = Request::post(target);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if !self.authorization.is_empty() {
            request = request
                .header("authorization", &self.authorization)
                .header("x-ms-version", VERSION);
        }
        Connection::open_tls(self.address, &self.server_name, &self.authorities)?.send(method, &request)
    }

    /// Every blob of a container whose name begins so.
    ///
    /// # Errors
    /// When it is refused, or when there are more than one page.
    pub fn list(&self, container: &str, prefix: &str) -> anyhow::Result<Vec<Blob>> {
        let prefix = prefix.replace('$', "%24");
        let target =
            format!("/{NAMESPACE}/{container}?restype=container&comp=list&include=metadata&prefix={prefix}");
        let response = self.send("GET", &target, &[])?;
        let text = String::from_utf8(response.body).context("read the list as text")?;
        ensure!(response.status == 200, "{}: {text}", response.status);
        ensure!(
            between(&text, "<NextMarker>", "</NextMarker>").is_none_or(str::is_empty),
            "the list goes on: {text}"
        );
        parts(&text, "<Blob>", "</Blob>").map(blob).collect()
    }

    /// How far a consumer group is, as stored by the checkpoint stores of all SDKs.
    pub fn positions(&self, container: &str, hub: &str, group: &str) -> anyhow::Result<Positions> {
        let middle = format!("/{hub}/{group}/checkpoint/");
        let mut positions = Positions::new();
        for blob in self.list(container, "")? {
            let Some((_, partition)) = blob.name.split_once(&middle) else {
                continue;
            };
            let number = blob.metadata.get("sequencenumber");
            let number = number.with_context(|| format!("{} has no sequence number", blob.name))?;
            positions.insert(partition.to_owned(), number.parse().context("parse it")?);
        }
        Ok(positions)
    }

    /// Who owns which partition of a consumer group; nobody is "".
    pub fn owners(
        &self,
        container: &str,
        hub: &str,
        group: &str,
    ) -> anyhow::Result<BTreeMap<String, String>> {
        let middle = format!("/{hub}/{group}/ownership/");
        let blobs = self.list(container, "")?;
        let owners = blobs.iter().filter_map(|blob| {
            let (_, partition) = blob.name.split_once(&middle)?;
            let owner = blob.metadata.get("ownerid").cloned().unwrap_or_default();
            Some((partition.to_owned(), owner))
        });
        Ok(owners.collect())
    }

    /// Deletes what says who owns the partitions of a consumer group, as if it had expired.
    pub fn forget_owners(&self, container: &str, hub: &str, group: &str) -> anyhow::Result<()> {
        let middle = format!("/{hub}/{group}/ownership/");
        for blob in self.list(container, "")? {
            if !blob.name.contains(&middle) {
                continue;
            }
            let target = format!("/{NAMESPACE}/{container}/{}", blob.name.replace('$', "%24"));
            let response = self.send("DELETE", &target, &[])?;
            ensure!(response.status == 202, "{}: {}", blob.name, response.status);
        }
        Ok(())
    }
}

fn blob(text: &str) -> anyhow::Result<Blob> {
    let field = |open, close| between(text, open, close).with_context(|| format!("find {open} in {text}"));
    let metadata = between(text, "<Metadata>", "</Metadata>").unwrap_or_default();
    Ok(Blob {
        name: unescape(field("<Name>", "</Name>")?),
        etag: field("<Etag>", "</Etag>")?.to_owned(),
        last_modified: field("<Last-Modified>", "</Last-Modified>")?.to_owned(),
        metadata: entries(metadata),
    })
}

/// `<a>1</a><b>2</b>`
fn entries(mut text: &str) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    while let Some((_, rest)) = text.split_once('<') {
        let Some((name, rest)) = rest.split_once('>') else {
            break;
        };
        // `<a />` is an empty one.
        if let Some(name) = name.strip_suffix('/') {
            entries.insert(name.trim().to_owned(), String::new());
            text = rest;
            continue;
        }
        let Some((value, rest)) = rest.split_once(&format!("</{name}>")) else {
            break;
        };
        entries.insert(name.to_owned(), unescape(value));
        text = rest;
    }
    entries
}

fn between<'t>(text: &'t str, open: &str, close: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0)
}

fn parts<'t>(text: &'t str, open: &'t str, close: &'t str) -> impl Iterator<Item = &'t str> {
    let parts = text.split(open).skip(1);
    parts.filter_map(move |part| Some(part.split_once(close)?.0))
}

fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

/// A request that is signed with an access key, as storage accounts have it.
#[derive(Debug, Clone)]
pub struct SharedKey {
    pub key: String,
    /// When it says that it was signed.
    pub date: Timestamp,
    /// The path that is signed; a request for another one does not fit.
    pub path: String,
}

impl SharedKey {
    /// The headers for a GET of the signed path without a query.
    ///
    /// # Errors
    /// When the key is not Base64.
    pub fn headers(&self) -> anyhow::Result<[(&'static str, String); 3]> {
        let date = self.date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        // Method, eleven standard headers that are not there, headers of our own, resource.
        let text = format!(
            "GET{}x-ms-date:{date}\nx-ms-version:{VERSION}\n/{NAMESPACE}{}",
            "\n".repeat(12),
            self.path
        );
        let key = BASE64_STANDARD.decode(&self.key).context("decode the key")?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).context("HMAC takes keys of any length")?;
        mac.update(text.as_bytes());
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        Ok([
            ("x-ms-date", date),
            ("x-ms-version", VERSION.to_owned()),
            ("authorization", format!("SharedKey {NAMESPACE}:{signature}")),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_read_from_a_list() {
        let text = "<Name>localhost/h/$default/checkpoint/0</Name><Properties><Last-Modified>Sun, 22 Nov 2026 03:05:10 GMT\
             </Last-Modified><Etag>0x8DE</Etag></Properties><Metadata><offset>1&amp;2</offset><sequencenumber>3\
             </sequencenumber><ownerid /></Metadata>";
        let blob = blob(text).unwrap();
        assert_eq!(blob.name, "localhost/h/$default/checkpoint/0");
        assert_eq!(blob.etag, "0x8DE");
        let metadata = [("offset", "1&2"), ("ownerid", ""), ("sequencenumber", "3")];
        assert_eq!(
            blob.metadata,
            metadata
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        );
    }
}

//! The cluster's authority, and a certificate and a kubeconfig for each who asks the API server.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;

/// `PKI/ca.crt`, `PKI/NAME.crt`, `PKI/NAME.key`.
#[derive(Debug, Clone)]
pub struct Pki {
    folder: PathBuf,
}

impl Pki {
    /// Makes the authority, and the key that signs ServiceAccounts' tokens.
    pub(super) fn create(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder).context("create the folder of certificates")?;
        let mut parameters = CertificateParams::default();
        parameters
            .distinguished_name
            .push(DnType::CommonName, "e2e cluster");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().context("generate the authority's key")?;
        let certificate = parameters.self_signed(&key).context("sign the authority")?;
        fs::write(folder.join("ca.crt"), certificate.pem()).context("write the authority")?;
        fs::write(folder.join("ca.key"), key.serialize_pem()).context("write the authority's key")?;
        let tokens = KeyPair::generate().context("generate the tokens' key")?;
        fs::write(folder.join("tokens.key"), tokens.serialize_pem()).context("write the tokens' key")?;
        // The API server wants the public half as such.
        fs::write(folder.join("tokens.pub"), tokens.public_key_pem())
            .context("write the tokens' public key")?;
        Ok(Self { folder })
    }

    pub(super) fn load(folder: PathBuf) -> anyhow::Result<Self> {
        anyhow::ensure!(
            folder.join("ca.key").is_file(),
            "{} holds no authority",
            folder.display()
        );
        Ok(Self { folder })
    }

    /// `NAME.crt` or `NAME.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes `NAME.crt` and `NAME.key` for a server and client of these names; `group` is the subject's organisation.
    pub fn issue(
        &self,
        file: &str,
        common_name: &str,
        group: Option<&str>,
        names: &[String],
    ) -> anyhow::Result<()> {
        let authority = fs::read_to_string(self.file("ca.crt")).context("read the authority")?;
        let key = fs::read_to_string(self.file("ca.key")).context("read the authority's key")?;
        let key = KeyPair::from_pem(&key).context("parse the authority's key")?;
        let issuer = Issuer::from_ca_cert_pem(&authority, key).context("parse the authority")?;
        let mut parameters =
            CertificateParams::new(names.to_vec()).context("use the names for a certificate")?;
        parameters
            .distinguished_name
            .push(DnType::CommonName, common_name);
        if let Some(group) = group {
            parameters
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        parameters.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let own = KeyPair::generate().context("generate a key")?;
        let certificate = parameters
            .signed_by(&own, &issuer)
            .context("sign a certificate")?;
        fs::write(self.file(&format!("{file}.crt")), certificate.pem()).context("write a certificate")?;
        fs::write(self.file(&format!("{file}.key")), own.serialize_pem()).context("write a key")
    }

    /// Writes a kubeconfig for whom `FILE.crt` names. It holds all it needs, and is JSON, which is YAML.
    pub fn kubeconfig(&self, file: &str, server: &str, target: &Path) -> anyhow::Result<()> {
        let data = |name: String| -> anyhow::Result<String> {
            let bytes = fs::read(self.file(&name)).with_context(|| format!("read {name}"))?;
            Ok(base64(&bytes))
        };
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "e2e",
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": file}}],
            "clusters": [{"name": "e2e", "cluster": {
                "server": server,
                "certificate-authority-data": data("ca.crt".to_owned())?,
            }}],
            "users": [{"name": file, "user": {
                "client-certificate-data": data(format!("{file}.crt"))?,
                "client-key-data": data(format!("{file}.key"))?,
            }}],
        });
        fs::write(target, serde_json::to_vec_pretty(&config)?)
            .with_context(|| format!("write {}", target.display()))
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

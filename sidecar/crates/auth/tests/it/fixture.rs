//! Keys as a Namespace has them, and tokens made by hand.

use auth::{
    Authorizer, Credential, Error, Keys, Listen, Manage, Permit, Resource, Rights, Rule, Secret, Send,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Timestamp;
use sha2::Sha256;

pub(crate) const PRIMARY: &str = "cHJpbWFyeS1rZXktb2YtdGhlLXJ1bGUtMDEyMzQ1Njc=";
pub(crate) const SECONDARY: &str = "+/+/c2Vjb25kYXJ5LWtleS13aXRoLXNsYXNoZXMhIT8=";
pub(crate) const SENDER: &str = "c2VuZGVyLWtleS0wMTIzNDU2Nzg5YWJjZGVmZ2hpamts";
pub(crate) const LISTENER: &str = "bGlzdGVuZXIta2V5LTAxMjM0NTY3ODlhYmNkZWZnaGlq";

pub(crate) fn keys() -> Keys {
    let send = Rights {
        send: true,
        ..Rights::default()
    };
    let listen = Rights {
        listen: true,
        ..Rights::default()
    };
    Keys {
        rules: vec![
            rule("RootManageSharedAccessKey", Rights::ALL, PRIMARY, SECONDARY),
            rule("sender", send, SENDER, ""),
            rule("listener", listen, "not base64", LISTENER),
        ],
        ..Keys::default()
    }
}

pub(crate) fn rule(name: &str, rights: Rights, primary: &str, secondary: &str) -> Rule {
    Rule {
        name: name.into(),
        rights,
        primary: Secret::new(primary),
        secondary: Secret::new(secondary),
    }
}

pub(crate) fn authorizer() -> Authorizer {
    Authorizer::new(&keys())
}

pub(crate) fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// A token as JavaScript makes it.
pub(crate) fn token(key: &str, url: &str, expiry: &str) -> String {
    sign(key, &format!("r={}&e={}", encode(url), encode(expiry)))
}

pub(crate) fn sign(key: &str, signed: &str) -> String {
    let mut hmac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap();
    hmac.update(signed.as_bytes());
    format!(
        "{signed}&s={}",
        encode(&STANDARD.encode(hmac.finalize().into_bytes()))
    )
}

pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Permits for credentials that need no answer from anybody: they are there at once, or never.
pub(crate) trait AtOnce {
    fn send_at_once(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Send>, Error>;
    fn listen_at_once(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Listen>, Error>;
    fn manage_at_once(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Manage>, Error>;
}

impl AtOnce for Authorizer {
    fn send_at_once(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Send>, Error> {
        self.permit_send(credential, resource, now)
            .now_or_never()
            .unwrap()
    }

    fn listen_at_once(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Listen>, Error> {
        self.permit_listen(credential, resource, now)
            .now_or_never()
            .unwrap()
    }

    fn manage_at_once(
        &self,
        credential: &Credential<'_>,
        resource: &Resource<'_>,
        now: Timestamp,
    ) -> Result<Permit<Manage>, Error> {
        self.permit_manage(credential, resource, now)
            .now_or_never()
            .unwrap()
    }
}

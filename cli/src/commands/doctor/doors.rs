//! The doors of a Namespace, as settings name them.

use std::fmt;

use ureq::http::Uri;

use super::target::Target;
use crate::dev;

/// The port that SDKs dial when they are given a host name for AMQP.
pub(super) const AMQPS: u16 = 5671;

/// What is spoken at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Amqp,
}

/// A port of the Namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    pub(super) name: &'static str,
    /// Without the brackets of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) has_tls: bool,
    pub(super) protocol: Protocol,
}

impl Door {
    fn http(name: &'static str, url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let has_tls = url.scheme_str()? == "https";
        Some(Self {
            name,
            host: bare(url.host()?),
            port: url.port_u16().unwrap_or(if has_tls { 443 } else { 80 }),
            has_tls,
            protocol: Protocol::Http,
        })
    }

    fn amqp(name: &'static str, host: &str, port: u16, has_tls: bool) -> Self {
        Self {
            name,
            host: bare(host),
            port,
            has_tls,
            protocol: Protocol::Amqp,
        }
    }

    /// Its URL, if HTTP is spoken there.
    pub(super) fn endpoint(&self) -> String {
        let scheme = if self.has_tls { "https" } else { "http" };
        format!("{scheme}://{self}")
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// As the settings name them.
pub(super) fn named(target: &Target) -> Vec<Door> {
    let endpoint = target.setting("EVENTGRID_ENDPOINT").and_then(|url| {
        let name = if url.starts_with("https:") {
            "https"
        } else {
            "http"
        };
        Door::http(name, url)
    });
    let authority = target
        .setting("AZURE_AUTHORITY_HOST")
        .and_then(|url| Door::http("token endpoint", url));
    let is_other = |door: &Door| {
        endpoint
            .as_ref()
            .is_none_or(|endpoint| endpoint.to_string() != door.to_string())
    };
    let authority = authority.filter(is_other);
    let blob = target
        .setting("BLOB_STORAGE_ACCOUNT_URL")
        .and_then(|url| Door::http("blob", url));
    let amqp = target.setting("EVENT_HUB_CONNECTION_STR").and_then(emulator);
    let amqps = target.setting("EVENT_HUB_FULLY_QUALIFIED_NAMESPACE");
    let amqps = amqps.map(|host| Door::amqp("amqps", host, AMQPS, true));
    endpoint
        .into_iter()
        .chain(authority)
        .chain(blob)
        .chain(amqp)
        .chain(amqps)
        .collect()
}

/// AMQP without TLS is what a connection string of an emulator leads to.
fn emulator(connection_string: &str) -> Option<Door> {
    let value = |key: &str| {
        let pair = connection_string
            .split(';')
            .find_map(|pair| pair.split_once('=').filter(|(name, _)| *name == key));
        pair.map(|(_, value)| value)
    };
    value("UseDevelopmentEmulator").filter(|value| value.eq_ignore_ascii_case("true"))?;
    let url: Uri = value("Endpoint")?.parse().ok()?;
    Some(Door::amqp(
        "amqp",
        url.host()?,
        url.port_u16().unwrap_or(5672),
        false,
    ))
}

/// As `weft dev` gave them out, also where SDKs would look elsewhere.
pub(super) fn local(target: &Target, ports: Option<dev::Ports>) -> Vec<Door> {
    let named = named(target);
    let (Some(ports), Some(host)) = (ports, named.first().map(|door| door.host.clone())) else {
        return named;
    };
    let http = |name, port, has_tls| Door {
        name,
        host: host.clone(),
        port,
        has_tls,
        protocol: Protocol::Http,
    };
    let amqp_host = target
        .setting("EVENT_HUB_FULLY_QUALIFIED_NAMESPACE")
        .unwrap_or(&host);
    vec![
        http("http", ports.http, false),
        http("https", ports.https, true),
        http("blob", ports.blob, true),
        Door::amqp("amqp", amqp_host, ports.amqp, false),
        Door::amqp("amqps", amqp_host, ports.amqps, true),
        http("operations", ports.operations, false),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::target::tests::target;
    use super::*;

    fn told(doors: &[Door]) -> Vec<String> {
        doors
            .iter()
            .map(|door| format!("{} {door} {}", door.name, door.has_tls))
            .collect()
    }

    #[test]
    fn the_doors_are_those_that_the_settings_name() {
        let pod = target(&[
            ("EVENTGRID_ENDPOINT", "https://shop.apps.svc"),
            ("AZURE_AUTHORITY_HOST", "https://shop.apps.svc/"),
            ("BLOB_STORAGE_ACCOUNT_URL", "https://shop-blob.apps.svc"),
            ("EVENT_HUB_FULLY_QUALIFIED_NAMESPACE", "shop.apps.svc"),
        ]);
        assert_eq!(
            told(&named(&pod)),
            [
                "https shop.apps.svc:443 true",
                "blob shop-blob.apps.svc:443 true",
                "amqps shop.apps.svc:5671 true"
            ]
        );
        let local = target(&[
            ("EVENTGRID_ENDPOINT", "http://[::1]:8080"),
            ("AZURE_AUTHORITY_HOST", "https://[::1]:8443/"),
            (
                "EVENT_HUB_CONNECTION_STR",
                "Endpoint=sb://localhost:9002;SharedAccessKey=k=;UseDevelopmentEmulator=true",
            ),
        ]);
        assert_eq!(
            told(&named(&local)),
            [
                "http [::1]:8080 false",
                "token endpoint [::1]:8443 true",
                "amqp localhost:9002 false"
            ]
        );
    }
}

//! Keys, certificates and settings of one Namespace.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use config::{AccessKeys, AuthorizationRule, Secrets};
use credentials::{
    BadServerName, Blob, Connection, Directory, EventHubs, Format, Identity, Secret, ServerNames, Settings,
    system_roots,
};
use runtime::Clock;

use super::atomic_file;
use super::ports::Ports;
use crate::failure::Failure;

/// Where the doors of a Namespace are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Doors {
    pub(crate) listen: IpAddr,
    pub(crate) ports: Ports,
}

impl Doors {
    pub(crate) fn socket(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.listen, port)
    }

    /// The URL of the door without TLS, for programs on this machine.
    pub(crate) fn endpoint(self) -> String {
        format!("http://{}", SocketAddr::new(self.host(), self.ports.http))
    }

    /// The URL of the door with TLS: SDKs show a bearer token to no other.
    pub(crate) fn secure_endpoint(self) -> String {
        format!("https://{}", SocketAddr::new(self.host(), self.ports.https))
    }

    /// Where the containers of checkpoints are. The account comes first in the path, because that is where SDKs look for
    /// it when the host is an address: those of Java and JavaScript take the first segment for the account whatever it
    /// is, those of Python, Go and Rust keep the path as it is.
    fn blob_url(self, namespace: &str) -> String {
        format!(
            "https://{}/{namespace}",
            SocketAddr::new(self.host(), self.ports.blob)
        )
    }

    fn operations_url(self) -> String {
        format!("http://{}", SocketAddr::new(self.host(), self.ports.operations))
    }

    /// The host in settings for AMQP: a name, where there is one, because SDKs would rather verify a name.
    fn host_name(self) -> String {
        match self.host() {
            IpAddr::V4(Ipv4Addr::LOCALHOST) | IpAddr::V6(Ipv6Addr::LOCALHOST) => "localhost".to_owned(),
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }
    }

    /// An address that can be dialled: "every address" is none.
    fn host(self) -> IpAddr {
        match self.listen {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            other => other,
        }
    }

    fn server_names(self, more: &[String]) -> Result<ServerNames, BadServerName> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        if !self.listen.is_unspecified() {
            names.push(self.listen.to_string());
        }
        names.extend_from_slice(more);
        ServerNames::new(names)
    }
}

/// A Namespace whose keys, certificates and settings are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) settings: &'a config::Settings,
    /// What its certificate vouches for beside the usual names.
    pub(crate) dns_names: &'a [String],
    pub(crate) doors: Doors,
    /// With the developer's token.
    pub(crate) token_file: &'a Path,
}

/// Reads or creates what the Namespace needs in `folder`, writes the settings of its programs to `env_file`, and
/// returns what its sidecar needs. Certificates that are due are renewed.
pub(crate) fn prepare(
    folder: &Path,
    env_file: &Path,
    wanted: &Wanted<'_>,
    clock: &Clock,
) -> Result<Secrets, Failure> {
    let Wanted { namespace, doors, .. } = *wanted;
    let failed = |cause: &dyn std::fmt::Display| {
        Failure::machine(format!("prepare the keys and certificates of {namespace}"), cause)
    };
    let directory = Directory::open(folder).map_err(|cause| failed(&cause))?;
    let rules = &wanted.settings.authorization_rules;
    let keys = directory
        .access_keys(rules.iter().map(|rule| rule.name.as_str()))
        .map_err(|cause| failed(&cause))?;
    let names = doors
        .server_names(wanted.dns_names)
        .map_err(|cause| failed(&cause))?;
    let certificates = directory
        .certificates(namespace, &names, wall_clock(clock))
        .map_err(|cause| failed(&cause))?;
    let bundle = directory
        .bundle(system_roots().as_deref(), &certificates)
        .map_err(|cause| failed(&cause))?;
    let root = root(rules, &keys).ok_or_else(|| failed(&"there is no rule"))?;
    let key = Some(&root.primary).filter(|_| !wanted.settings.disable_local_auth);
    let text = settings(wanted, key, &bundle)
        .render(Format::Shell)
        .map_err(|cause| failed(&cause))?;
    atomic_file::write_private(env_file, &text).map_err(|cause| failed(&cause))?;
    Ok(Secrets {
        rules: keys.iter().map(|(name, keys)| access_keys(name, keys)).collect(),
        certificate_pem: certificates.serving().certificate_pem().to_owned(),
        private_key_pem: certificates.serving().key_pem().expose().to_owned(),
        object_store: BTreeMap::new(),
        dead_letter_stores: BTreeMap::new(),
    })
}

/// The key that programs are given.
fn root<'k>(
    rules: &[AuthorizationRule],
    keys: &'k BTreeMap<String, credentials::AccessKeys>,
) -> Option<&'k credentials::AccessKeys> {
    keys.get(&rules.first()?.name)
}

/// What programs are told. With a key, the endpoint is the one that needs no trust in certificates; without, there are
/// only tokens, which no SDK shows to a door without TLS.
fn settings(wanted: &Wanted<'_>, key: Option<&Secret>, bundle: &Path) -> Settings {
    let Wanted { namespace, doors, .. } = *wanted;
    let endpoint = match key {
        Some(_) => doors.endpoint(),
        None => doors.secure_endpoint(),
    };
    Settings::new(&Connection {
        eventgrid_endpoint: &endpoint,
        key,
        event_hubs: EventHubs::Emulator {
            host: &doors.host_name(),
            port: doors.ports.amqp,
        },
        blob: Some(Blob {
            account: namespace,
            url: &doors.blob_url(namespace),
        }),
        identity: Some(Identity {
            authority_host: &(doors.secure_endpoint() + "/"),
            token_file: &wanted.token_file.to_string_lossy(),
        }),
        bundle: Some(bundle),
        operations_url: Some(&doors.operations_url()),
    })
}

fn access_keys(name: &str, keys: &credentials::AccessKeys) -> AccessKeys {
    AccessKeys {
        name: name.to_owned(),
        primary_key: keys.primary.expose().to_owned(),
        secondary_key: keys.secondary.expose().to_owned(),
    }
}

fn wall_clock(clock: &Clock) -> SystemTime {
    let micros = u64::try_from(clock.now().as_micros()).unwrap_or_default();
    UNIX_EPOCH + Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doors(listen: &str) -> Doors {
        let ports = Ports {
            http: 8080,
            https: 8443,
            amqp: 5672,
            amqps: 5671,
            blob: 10_000,
            operations: 9464,
        };
        Doors {
            listen: listen.parse().unwrap(),
            ports,
        }
    }

    #[test]
    fn a_program_is_given_an_address_that_it_can_dial() {
        assert_eq!(doors("127.0.0.1").endpoint(), "http://127.0.0.1:8080");
        assert_eq!(doors("0.0.0.0").endpoint(), "http://127.0.0.1:8080");
        assert_eq!(doors("::").endpoint(), "http://[::1]:8080");
        assert_eq!(doors("127.0.0.1").secure_endpoint(), "https://127.0.0.1:8443");
        assert_eq!(doors("0.0.0.0").blob_url("shop"), "https://127.0.0.1:10000/shop");
        assert_eq!(doors("::1").blob_url("shop"), "https://[::1]:10000/shop");
        assert_eq!(doors("192.0.2.7").operations_url(), "http://192.0.2.7:9464");
        assert_eq!(doors("0.0.0.0").host_name(), "localhost");
        assert_eq!(doors("192.0.2.7").host_name(), "192.0.2.7");
        assert_eq!(doors("2001:db8::7").host_name(), "[2001:db8::7]");
    }
}

//! Keys, certificates and settings of one Namespace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use config::{AccessKeys, AuthorizationRule, Secrets};
use credentials::{
    BadServerName, Connection, Directory, EventHubs, Format, ServerNames, Settings, system_roots,
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

/// Reads or creates what the Namespace needs in `folder`, writes the settings of its programs to `env_file`, and
/// returns what its sidecar needs. Certificates that are due are renewed.
pub(crate) fn prepare(
    folder: &Path,
    env_file: &Path,
    namespace: &str,
    rules: &[AuthorizationRule],
    dns_names: &[String],
    doors: Doors,
    clock: &Clock,
) -> Result<Secrets, Failure> {
    let failed = |cause: &dyn std::fmt::Display| {
        Failure::machine(format!("prepare the keys and certificates of {namespace}"), cause)
    };
    let directory = Directory::open(folder).map_err(|cause| failed(&cause))?;
    let keys = directory
        .access_keys(rules.iter().map(|rule| rule.name.as_str()))
        .map_err(|cause| failed(&cause))?;
    let names = doors.server_names(dns_names).map_err(|cause| failed(&cause))?;
    let certificates = directory
        .certificates(namespace, &names, wall_clock(clock))
        .map_err(|cause| failed(&cause))?;
    let bundle = directory
        .bundle(system_roots().as_deref(), &certificates)
        .map_err(|cause| failed(&cause))?;
    let root = rules
        .first()
        .and_then(|rule| keys.get(&rule.name))
        .ok_or_else(|| failed(&"there is no rule"))?;
    let settings = Settings::new(&Connection {
        eventgrid_endpoint: &doors.endpoint(),
        key: &root.primary,
        event_hubs: EventHubs::Emulator {
            host: &doors.host_name(),
            port: doors.ports.amqp,
        },
        bundle: Some(&bundle),
        operations_url: Some(&doors.operations_url()),
    });
    let text = settings.render(Format::Shell).map_err(|cause| failed(&cause))?;
    atomic_file::write_private(env_file, &text).map_err(|cause| failed(&cause))?;
    Ok(Secrets {
        rules: keys.iter().map(|(name, keys)| access_keys(name, keys)).collect(),
        certificate_pem: certificates.serving().certificate_pem().to_owned(),
        private_key_pem: certificates.serving().key_pem().expose().to_owned(),
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
        assert_eq!(doors("192.0.2.7").operations_url(), "http://192.0.2.7:9464");
        assert_eq!(doors("0.0.0.0").host_name(), "localhost");
        assert_eq!(doors("192.0.2.7").host_name(), "192.0.2.7");
        assert_eq!(doors("2001:db8::7").host_name(), "[2001:db8::7]");
    }
}

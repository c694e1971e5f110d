//! What a token is asked for.

/// The services that stand here, as Azure's SDKs call them.
const SERVICES: [&str; 5] = [
    "https://eventhubs.azure.net",
    "https://servicebus.azure.net",
    "https://eventgrid.azure.net",
    "https://storage.azure.com",
    "https://webpubsub.azure.com",
];
/// Words of OpenID Connect that two SDKs add.
const OPENID_WORDS: [&str; 3] = ["openid", "offline_access", "profile"];
const DEFAULT: &str = "/.default";

/// Whether `scope` asks for one service that stands here, or for `host` by its own name.
///
/// A token is good for every door whatever was asked for, as the rights behind it are. The scope is checked so that a
/// program that is meant for another service hears of it here, and not from a refusal later.
pub(super) fn is_served(scope: &str, host: &str) -> bool {
    let words = scope.split_ascii_whitespace();
    let mut asked = words.filter(|word| !OPENID_WORDS.contains(word));
    let Some(service) = asked.next().and_then(|word| word.strip_suffix(DEFAULT)) else {
        return false;
    };
    if asked.next().is_some() {
        return false;
    }
    // Some SDKs write two slashes: the resource's own, and the one before the word.
    let service = service.strip_suffix('/').unwrap_or(service);
    let is_service = SERVICES.iter().any(|known| service.eq_ignore_ascii_case(known));
    is_service || is_host(service, host)
}

fn is_host(service: &str, host: &str) -> bool {
    let schemes = ["https://", "http://", "sb://"];
    let name = schemes.iter().find_map(|scheme| service.strip_prefix(scheme));
    name.is_some_and(|name| name.eq_ignore_ascii_case(host) || name.eq_ignore_ascii_case(without_port(host)))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // Not the last group of an IPv6 address, which stands in brackets.
        Some((name, port)) if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scopes_of_the_sdks_are_served() {
        for scope in [
            "https://eventhubs.azure.net//.default",
            "https://eventhubs.azure.net/.default",
            "https://servicebus.azure.net//.default",
            "https://eventgrid.azure.net/.default",
            "https://storage.azure.com/.default",
            "https://webpubsub.azure.com/.default",
            "https://eventhubs.azure.net//.default openid offline_access profile",
            "https://shop.default.svc/.default",
            "https://shop.default.svc:8443/.default",
        ] {
            assert!(is_served(scope, "shop.default.svc:8443"), "{scope}");
        }
        assert!(is_served("https://[::1]:8443/.default", "[::1]:8443"));
    }

    #[test]
    fn other_services_are_not() {
        for scope in [
            "",
            "openid",
            "https://eventhubs.azure.net",
            "https://management.azure.com/.default",
            "https://vault.azure.net/.default",
            "https://eventhubs.azure.net///.default",
            "https://eventhubs.azure.net.evil.example/.default",
            "https://eventhubs.azure.net/.default https://storage.azure.com/.default",
            "https://other.default.svc/.default",
        ] {
            assert!(!is_served(scope, "shop.default.svc"), "{scope}");
        }
    }
}

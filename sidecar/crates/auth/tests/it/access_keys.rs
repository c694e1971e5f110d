use auth::{Authorizer, Credential, Error, Keys, Resource, Right, Rights};

use crate::fixture::{
    AtOnce as _, LISTENER, PRIMARY, SECONDARY, SENDER, at, authorizer, keys, rule, sign, token,
};

const NOW: &str = "2026-01-01T00:00:00Z";
const ORDERS: Resource<'static> = Resource::topic("orders");

#[test]
fn both_keys_of_a_rule_open_the_door() {
    for key in [PRIMARY, SECONDARY] {
        let key = Credential::AccessKey(key);
        authorizer().send_at_once(&key, &ORDERS, at(NOW)).unwrap();
        authorizer().listen_at_once(&key, &ORDERS, at(NOW)).unwrap();
        authorizer()
            .manage_at_once(&key, &Resource::NAMESPACE, at(NOW))
            .unwrap();
    }
}

#[test]
fn a_key_that_is_no_base64_works_as_a_key() {
    let key = Credential::AccessKey("not base64");
    authorizer().listen_at_once(&key, &ORDERS, at(NOW)).unwrap();
}

#[test]
fn a_wrong_key_is_refused_however_near_it_is() {
    for key in [
        "",
        " ",
        "wrong",
        &PRIMARY[..PRIMARY.len() - 1],
        &format!("{PRIMARY}="),
        &PRIMARY.to_lowercase(),
    ] {
        let refused = authorizer().send_at_once(&Credential::AccessKey(key), &ORDERS, at(NOW));
        assert_eq!(refused.unwrap_err(), Error::WrongKey, "{key}");
    }
    let refused = authorizer().send_at_once(&Credential::None, &ORDERS, at(NOW));
    assert_eq!(refused.unwrap_err(), Error::Missing);
}

#[test]
fn an_empty_key_signs_nothing() {
    let keys = Keys {
        rules: vec![rule("broken", Rights::ALL, "", "")],
        ..Keys::default()
    };
    let signed = sign("", "r=http%3A%2F%2Fx&e=2030-01-01T00%3A00%3A00Z");
    for credential in [
        Credential::AccessKey(""),
        Credential::SharedAccessSignature(&signed),
    ] {
        assert!(
            Authorizer::new(&keys)
                .send_at_once(&credential, &ORDERS, at(NOW))
                .is_err()
        );
    }
}

#[test]
fn a_right_key_without_the_right_is_known_but_forbidden() {
    let refused = authorizer()
        .listen_at_once(&Credential::AccessKey(SENDER), &ORDERS, at(NOW))
        .unwrap_err();
    assert_eq!(
        refused,
        Error::LacksRight {
            rule: "sender".into(),
            right: Right::Listen
        }
    );
    assert!(refused.is_forbidden());
    let refused = authorizer()
        .send_at_once(&Credential::AccessKey(LISTENER), &ORDERS, at(NOW))
        .unwrap_err();
    assert_eq!(
        refused,
        Error::LacksRight {
            rule: "listener".into(),
            right: Right::Send
        }
    );
    let token = token(SENDER, "http://localhost", "2030-01-01T00:00:00Z");
    let token = Credential::SharedAccessSignature(&token);
    authorizer().send_at_once(&token, &ORDERS, at(NOW)).unwrap();
    let refused = authorizer().manage_at_once(&token, &ORDERS, at(NOW)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the authorization rule `sender` lacks the right Manage: use the key of a rule that has it"
    );
}

#[test]
fn rules_that_share_a_key_add_their_rights() {
    let send = Rights {
        send: true,
        ..Rights::default()
    };
    let listen = Rights {
        listen: true,
        ..Rights::default()
    };
    let keys = Keys {
        rules: vec![
            rule("one", send, SENDER, PRIMARY),
            rule("two", listen, SECONDARY, SENDER),
        ],
        ..Keys::default()
    };
    let authorizer = Authorizer::new(&keys);
    let key = Credential::AccessKey(SENDER);
    authorizer.send_at_once(&key, &ORDERS, at(NOW)).unwrap();
    authorizer.listen_at_once(&key, &ORDERS, at(NOW)).unwrap();
    authorizer.manage_at_once(&key, &ORDERS, at(NOW)).unwrap_err();
    authorizer
        .listen_at_once(&Credential::AccessKey(PRIMARY), &ORDERS, at(NOW))
        .unwrap_err();
}

#[test]
fn replaced_keys_count_at_once_for_every_clone() {
    let authorizer = authorizer();
    let clone = authorizer.clone();
    let mut rotated = keys();
    rotated.rules[0] = rule("RootManageSharedAccessKey", Rights::ALL, SECONDARY, LISTENER);
    authorizer.replace(&rotated);
    clone
        .send_at_once(&Credential::AccessKey(SECONDARY), &ORDERS, at(NOW))
        .unwrap();
    let refused = clone.send_at_once(&Credential::AccessKey(PRIMARY), &ORDERS, at(NOW));
    assert_eq!(refused.unwrap_err(), Error::WrongKey);
}

#[test]
fn nothing_that_prints_holds_a_secret() {
    let token = token(PRIMARY, "http://localhost/topics/x", "2030-01-01T00:00:00Z");
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        authorizer(),
        keys(),
        Credential::AccessKey(PRIMARY),
        Credential::SharedAccessSignature(&token),
        authorizer().send_at_once(&Credential::SharedAccessSignature(&token), &ORDERS, at(NOW)),
    );
    for secret in [
        PRIMARY,
        SECONDARY,
        SENDER,
        LISTENER,
        token.rsplit_once("&s=").unwrap().1,
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

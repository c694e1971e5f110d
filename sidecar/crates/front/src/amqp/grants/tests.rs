use std::cell::Cell;
use std::time::Duration;

use auth::{Authorizer, Keys, Rights, Rule, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::byte_serialize;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
/// Clocks of clients may run behind by as much.
const SKEW: Duration = Duration::from_secs(60);

/// A connection, and who decides what its tokens are worth.
struct Shown {
    grants: Grants,
    authorizer: Authorizer,
    shown: Showing,
}

impl Shown {
    fn nothing() -> Self {
        let rule = |name: &str, send, listen, manage| Rule {
            name: name.to_owned(),
            rights: Rights { send, listen, manage },
            primary: Secret::new(name),
            secondary: Secret::default(),
        };
        let rules = vec![
            rule("root", true, true, true),
            rule("sender", true, false, false),
            rule("listener", false, true, false),
        ];
        Self {
            grants: Grants::default(),
            authorizer: Authorizer::new(&Keys {
                rules,
                local_auth_disabled: false,
            }),
            shown: Showing::default(),
        }
    }

    /// What a token of that rule for `sb://ns/SCOPE` allows, for so long.
    fn grant_for(&self, rule: &str, scope: &str, lasts: Duration) -> Grant {
        let resource: String = byte_serialize(format!("sb://ns/{scope}").as_bytes()).collect();
        let expiry = (NOW + lasts - SKEW).as_micros() / 1_000_000;
        let mut hmac = Hmac::<Sha256>::new_from_slice(rule.as_bytes()).unwrap();
        hmac.update(format!("{resource}\n{expiry}").as_bytes());
        let signature = STANDARD.encode(hmac.finalize().into_bytes());
        let signature: String = byte_serialize(signature.as_bytes()).collect();
        let token = format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={rule}");
        self.authorizer.grant(&token, NOW).unwrap()
    }

    fn grant(&self, rule: &str, scope: &str) -> Grant {
        self.grant_for(rule, scope, Duration::from_secs(3_600))
    }

    /// Puts a token of that rule for an audience, whose scope that is as well.
    fn put(&mut self, rule: &str, path: &str) {
        let grant = self.grant(rule, path);
        self.put_grant(path, Ok(grant));
    }

    fn put_grant(&mut self, path: &str, grant: Result<Grant, Error>) {
        self.shown = self.shown.next();
        let audience = format!("sb://ns/{path}");
        assert!(self.grants.put(&audience, self.shown, grant, NOW), "{path}");
    }

    /// Where the token is that allows a link for sending, and how many were asked.
    fn sends(&self, path: &str) -> (Result<Slot, Error>, usize) {
        let (asked, resource) = (Cell::new(0), Resource::Hub(path));
        let found = self.grants.find(Need::Send, path, |grant| {
            asked.set(asked.get() + 1);
            grant.permit_send(&resource, NOW)
        });
        (found.map(|(slot, _)| slot), asked.get())
    }
}

/// One more token does not fit.
fn full_of(rule: &str, path: impl Fn(usize) -> String) -> Shown {
    let mut shown = Shown::nothing();
    for number in 0..GRANTS_MAX {
        shown.put(rule, &path(number));
    }
    shown
}

#[test]
fn a_token_is_found_wherever_it_would_say_yes() {
    let scopes = [
        "",
        "telemetry",
        "TELEMETRY/publishers/One",
        "telemetry/consumergroups/$default",
        "telemetry/consumergroups/$default/partitions/0",
        "topics/publishers/one",
    ];
    let paths = [
        "telemetry",
        "Telemetry/Publishers/one",
        "telemetry/publishers/one2",
        "telemetry/ConsumerGroups/$Default/Partitions/0",
        "telemetry/ConsumerGroups/$Default/Partitions/01",
        "telemetry2",
        "topics/publishers/one",
        "other/publishers/one",
        "",
    ];
    for rule in ["root", "sender", "listener"] {
        for scope in scopes {
            let mut shown = Shown::nothing();
            shown.put(rule, scope);
            let grant = shown.grant(rule, scope);
            for path in paths {
                let (resource, what) = (Resource::Hub(path), format!("{rule} of {scope:?} at {path:?}"));
                let sends = shown.grants.permit_send(path, NOW).is_ok();
                assert_eq!(sends, grant.permit_send(&resource, NOW).is_ok(), "{what}");
                let listens = shown.grants.permit_listen(path, NOW).is_ok();
                assert_eq!(listens, grant.permit_listen(&resource, NOW).is_ok(), "{what}");
                let knows = shown.grants.must_know(path, NOW).is_ok();
                assert_eq!(knows, grant.must_know(&resource, NOW).is_ok(), "{what}");
            }
        }
    }
}

#[test]
fn a_token_is_good_for_all_of_its_scope_whatever_audience_it_was_put_for() {
    let mut shown = Shown::nothing();
    let grant = shown.grant("sender", "telemetry");
    shown.put_grant("telemetry/publishers/one", Ok(grant));
    assert!(shown.sends("telemetry/publishers/two").0.is_ok());
    assert!(shown.sends("telemetry").0.is_ok());
    assert!(shown.sends("other").0.is_err());
}

#[test]
fn a_token_in_place_of_one_of_the_same_kind_casts_doubt_on_no_link() {
    let mut shown = full_of("sender", |number| match number {
        0 => "telemetry".to_owned(),
        _ => format!("telemetry/publishers/{number}"),
    });
    let (link, asked) = shown.sends("telemetry");
    assert_eq!(asked, 1, "of all that there are");
    for rule in ["sender", "root"] {
        shown.put(rule, "telemetry");
        assert!(!shown.grants.have_lessened(), "{rule}");
    }
    let reviewed: Vec<_> = shown.grants.to_review();
    assert_eq!(reviewed.len(), GRANTS_MAX);
    for (token, grant) in reviewed {
        shown.grants.renew(token, Ok(grant), NOW);
    }
    assert!(!shown.grants.have_lessened());
    assert_eq!(shown.sends("telemetry"), (link, 1));
}

#[test]
fn a_link_whose_token_becomes_less_is_looked_at_and_asks_few_of_the_others() {
    let mut shown = full_of("sender", |number| match number {
        0 => "telemetry".to_owned(),
        _ => format!("telemetry/publishers/{number}"),
    });
    let hub = shown.sends("telemetry").0.unwrap();
    let publisher = shown.sends("telemetry/publishers/7").0.unwrap();
    assert_eq!(publisher, hub, "what is good for more is found first");
    shown.put("listener", "telemetry");
    assert_eq!(shown.grants.take_lessened(), HashSet::from([hub]));
    let (refused, asked) = shown.sends("telemetry");
    let lacks = Error::LacksRight {
        rule: "listener".to_owned(),
        right: Right::Send,
    };
    assert_eq!(refused, Err(lacks));
    assert!(asked <= 3, "{asked} of {GRANTS_MAX}");
    let (found, asked) = shown.sends("telemetry/publishers/7");
    assert_ne!(found.unwrap(), hub);
    assert_eq!(asked, 1);
}

#[test]
fn tokens_that_reach_as_far_and_allow_something_else_are_not_asked() {
    // Each is good for all of the Namespace, whatever it was put for.
    let mut shown = Shown::nothing();
    let everywhere = shown.grant("listener", "");
    for number in 1..GRANTS_MAX {
        let path = format!("telemetry/publishers/{number}");
        shown.put_grant(&path, Ok(everywhere.clone()));
    }
    let (refused, asked) = shown.sends("telemetry/partitions/0");
    assert!(matches!(refused, Err(Error::LacksRight { .. })), "{refused:?}");
    assert!(asked <= 2, "{asked} of {GRANTS_MAX}");
    shown.put("sender", "telemetry");
    let (found, asked) = shown.sends("telemetry/partitions/0");
    assert_eq!((found.is_ok(), asked), (true, 1));
}

#[test]
fn a_token_for_less_lessens_its_slot_and_one_for_more_does_not() {
    let mut shown = Shown::nothing();
    let put = |shown: &mut Shown, rule: &str, scope: &str| {
        let grant = shown.grant(rule, scope);
        shown.put_grant("telemetry/publishers/one", Ok(grant));
        shown.grants.take_lessened().len()
    };
    for (rule, scope, lessened) in [
        ("sender", "telemetry/publishers/one", 0),
        ("sender", "telemetry", 0),
        ("root", "telemetry", 0),
        ("root", "", 0),
        ("root", "telemetry", 1),
        ("sender", "telemetry", 1),
        ("listener", "telemetry", 1),
        ("listener", "telemetry/publishers/one", 1),
        ("listener", "telemetry/publishers/one", 0),
    ] {
        assert_eq!(put(&mut shown, rule, scope), lessened, "{rule} of {scope:?}");
    }
}

#[test]
fn what_expires_is_gone_and_its_slot_is_never_used_again() {
    let mut shown = Shown::nothing();
    let brief = shown.grant_for("sender", "telemetry", Duration::from_secs(10));
    shown.put_grant("telemetry", Ok(brief));
    shown.put("listener", "other");
    let slot = shown.sends("telemetry").0.unwrap();
    assert_eq!(shown.grants.next_expiry(), Some(NOW + Duration::from_secs(10)));
    shown.grants.forget_expired(NOW + Duration::from_secs(9));
    assert!(!shown.grants.have_lessened());
    shown.grants.forget_expired(NOW + Duration::from_secs(10));
    assert_eq!(shown.grants.take_lessened(), HashSet::from([slot]));
    assert!(!shown.grants.hold_one_in(slot));
    assert!(shown.sends("telemetry").0.is_err());
    assert!(shown.grants.allow_something(), "the other one");
    shown.put("sender", "telemetry");
    assert_ne!(shown.sends("telemetry").0.unwrap(), slot);
}

#[test]
fn a_review_that_says_no_lessens_the_slot_and_one_of_a_token_that_was_replaced_says_nothing() {
    let mut shown = Shown::nothing();
    shown.put("sender", "telemetry");
    let slot = shown.sends("telemetry").0.unwrap();
    let (before, _) = shown.grants.to_review().remove(0);
    shown.put("sender", "telemetry");
    let (token, _) = shown.grants.to_review().remove(0);
    let refused = Error::LocalAuthDisabled;
    shown.grants.renew(before, Err(refused.clone()), NOW);
    assert!(!shown.grants.have_lessened());
    shown.grants.renew(token, Err(refused.clone()), NOW);
    assert_eq!(shown.grants.take_lessened(), HashSet::from([slot]));
    assert!(shown.grants.hold_one_in(slot), "it has not expired");
    assert_eq!(shown.sends("telemetry").0, Err(refused.clone()));
    assert_eq!(shown.sends("telemetry/partitions/0").0, Err(refused));
    assert_eq!(shown.sends("other").0, Err(Error::Missing));
    assert!(!shown.grants.allow_something());
    assert!(shown.grants.to_review().is_empty());
    // Its place is taken by the next one.
    shown.put("sender", "telemetry");
    assert_eq!(shown.sends("telemetry").0, Ok(slot));
}

#[test]
fn the_refusal_that_tells_most_is_told() {
    let mut shown = Shown::nothing();
    assert_eq!(shown.sends("telemetry").0, Err(Error::Missing));
    shown.put("sender", "other");
    let out_of_scope = Err(Error::OutOfScope("/other".to_owned()));
    assert_eq!(shown.sends("telemetry").0, out_of_scope);
    shown.put_grant("telemetry/publishers/one", Err(Error::LocalAuthDisabled));
    assert_eq!(shown.sends("telemetry").0, Err(Error::LocalAuthDisabled));
    shown.put("listener", "");
    let refused = shown.sends("telemetry").0;
    assert!(matches!(refused, Err(Error::LacksRight { .. })), "{refused:?}");
}

#[test]
fn one_token_too_many_is_refused_and_a_new_one_for_an_old_audience_is_not() {
    let mut shown = full_of("sender", |number| format!("telemetry/publishers/{number}"));
    let grant = shown.grant("sender", "telemetry");
    let late = shown.shown.next();
    assert!(
        !shown
            .grants
            .put("sb://ns/telemetry", late, Ok(grant.clone()), NOW)
    );
    assert!(
        shown
            .grants
            .put("SB://NS/Telemetry/Publishers/7", late, Ok(grant.clone()), NOW)
    );
    assert!(shown.sends("telemetry").0.is_ok());
    // One that was shown before it comes too late.
    let refused = Err(Error::LocalAuthDisabled);
    assert!(
        shown
            .grants
            .put("sb://ns/telemetry/publishers/7", Showing::default(), refused, NOW)
    );
    assert!(shown.sends("telemetry").0.is_ok());
}

//! What is asked about rights: only what concerns that which the settings name. The questions change nothing: each is
//! refused for another reason if it is allowed.

use ureq::http::Method;

use super::target::Target;
use crate::percent::encode;

const HUB: &str = "EVENT_HUB_NAME";
const TOPIC: &str = "EVENTGRID_TOPIC_NAME";
const SUBSCRIPTION: &str = "EVENTGRID_EVENT_SUBSCRIPTION_NAME";
const BLOBS: [&str; 2] = ["BLOB_STORAGE_ACCOUNT_URL", "BLOB_STORAGE_CONNECTION_STRING"];

/// What programs use of a Namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Hub,
    /// With its event subscriptions.
    Topic,
    Checkpoints,
}

/// What they do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    HubReceive,
    HubSend,
    TopicSend,
    /// From any of its subscriptions.
    TopicReceive,
    SubscriptionReceive,
    Checkpoints,
}

/// A request that tells by its answer whether it would be allowed to do more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) right: Right,
    pub(super) method: Method,
    pub(super) path: String,
}

/// What came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    /// With the service's words.
    Refused(String),
    /// There is no such thing; with the service's words.
    Absent(String),
    /// Nothing came out: the service has a trouble of its own.
    Failed(String),
}

impl Thing {
    pub(super) const ALL: [Self; 3] = [Self::Hub, Self::Topic, Self::Checkpoints];

    /// None at all if the settings do not name it.
    pub(super) fn questions(self, target: &Target) -> Vec<Question> {
        let of_blobs = BLOBS.into_iter().find_map(|key| target.setting(key));
        match self {
            Self::Hub => target.setting(HUB).map(of_hub),
            Self::Topic => target
                .setting(TOPIC)
                .map(|topic| of_topic(topic, target.setting(SUBSCRIPTION))),
            Self::Checkpoints => of_blobs.map(|_| of_checkpoints()),
        }
        .unwrap_or_default()
    }

    /// The line about what is not named, and what it says.
    pub(super) fn unnamed(self) -> (&'static str, &'static str) {
        match self {
            Self::Hub => ("rights hub", "no EVENT_HUB_NAME says which one to ask about"),
            Self::Topic => (
                "rights topic",
                "no EVENTGRID_TOPIC_NAME (and EVENTGRID_EVENT_SUBSCRIPTION_NAME) says which one to ask about",
            ),
            Self::Checkpoints => (
                "rights checkpoints",
                "no BLOB_STORAGE_ACCOUNT_URL: programs here keep none",
            ),
        }
    }

    /// Whether a program that uses it cannot work: nothing of it is allowed. The right to checkpoints is one to the whole
    /// Namespace, whose address every program is given: not to have it is wrong for some of them only.
    pub(super) fn is_out_of_reach(self, verdicts: &[Verdict]) -> bool {
        let mut verdicts = verdicts.iter();
        self != Self::Checkpoints && verdicts.all(|verdict| matches!(verdict, Verdict::Refused(_)))
    }

    /// What helps if it is not there.
    pub(super) fn find(self) -> &'static str {
        match self {
            Self::Hub => "check EVENT_HUB_NAME: the Namespace has no such hub",
            Self::Topic => {
                "check EVENTGRID_TOPIC_NAME and EVENTGRID_EVENT_SUBSCRIPTION_NAME: the Namespace has none of that name"
            }
            Self::Checkpoints => "check that the endpoint is a Weft Namespace",
        }
    }
}

impl Right {
    /// After the word for the credential.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::HubReceive => "hub receive",
            Self::HubSend => "hub send",
            Self::TopicSend => "topic send",
            Self::TopicReceive | Self::SubscriptionReceive => "topic receive",
            Self::Checkpoints => "checkpoints",
        }
    }

    /// Which rule's key to use instead.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Self::HubSend | Self::TopicSend => "use the key of a rule with the right Send",
            _ => "use the key of a rule with the right Listen",
        }
    }

    /// Which role to bind to whom the token is of.
    pub(super) fn role(self) -> &'static str {
        match self {
            Self::HubReceive => "bind a role with the verb `receive`, such as azure-event-hubs-data-receiver",
            Self::HubSend => "bind a role with the verb `send`, such as azure-event-hubs-data-sender",
            Self::TopicSend => "bind a role with the verb `send`, such as eventgrid-data-sender",
            Self::TopicReceive => {
                "bind a role with the verb `receive`, such as eventgrid-data-receiver; if there is one for an event \
                 subscription, set EVENTGRID_EVENT_SUBSCRIPTION_NAME"
            }
            Self::SubscriptionReceive => {
                "bind a role with the verb `receive`, such as eventgrid-data-receiver"
            }
            Self::Checkpoints => "bind the role storage-blob-data-contributor",
        }
    }

    /// Whether the refusal of a token is one because there is no such thing: only what it would lie in is named then, on
    /// which the verb would be enough.
    pub(super) fn is_of_nothing(self, refusal: &str) -> bool {
        let names = |resource: &str| refusal.contains(&format!("{resource}.weft.dev/"));
        names("eventnamespaces") && !names(self.resource())
    }

    fn resource(self) -> &'static str {
        match self {
            Self::HubReceive | Self::HubSend => "hubs",
            Self::TopicSend | Self::TopicReceive => "topics",
            Self::SubscriptionReceive => "eventsubscriptions",
            Self::Checkpoints => "eventnamespaces",
        }
    }
}

impl Question {
    /// Whether the credential is known can be asked of anything: here of what every Namespace has.
    pub(super) fn of_any_namespace() -> (Method, String) {
        (Method::GET, "/$weft/v1/hubs".to_owned())
    }
}

fn question(right: Right, method: Method, path: String) -> Question {
    Question { right, method, path }
}

fn of_hub(hub: &str) -> Vec<Question> {
    let hub = encode(hub);
    vec![
        question(Right::HubReceive, Method::GET, format!("/$weft/v1/hubs/{hub}")),
        // Partitions have numbers.
        question(
            Right::HubSend,
            Method::POST,
            format!("/{hub}/partitions/weft-doctor-asks/messages"),
        ),
    ]
}

fn of_topic(topic: &str, subscription: Option<&str>) -> Vec<Question> {
    let topic = encode(topic);
    let receive = match subscription {
        // Acknowledges nothing: a body is missing.
        Some(name) => question(
            Right::SubscriptionReceive,
            Method::POST,
            format!("/topics/{topic}/eventsubscriptions/{}:acknowledge", encode(name)),
        ),
        // A list of none is no list.
        None => question(
            Right::TopicReceive,
            Method::GET,
            format!("/$weft/v1/topics/{topic}/dead-letters?limit=0"),
        ),
    };
    // Without a media type it is no event.
    let send = question(Right::TopicSend, Method::POST, format!("/topics/{topic}:publish"));
    vec![receive, send]
}

fn of_checkpoints() -> Vec<Question> {
    let path = "/checkpoints/?comp=list".to_owned();
    vec![question(Right::Checkpoints, Method::GET, path)]
}

#[cfg(test)]
mod tests {
    use super::super::target::tests::target;
    use super::*;

    /// As the label `weft.dev/connect` and the Secret NAME-connection give them.
    const OF_A_NAMESPACE: [(&str, &str); 3] = [
        ("EVENTGRID_ENDPOINT", "https://shop.apps.svc"),
        ("EVENT_HUB_FULLY_QUALIFIED_NAMESPACE", "shop.apps.svc"),
        ("BLOB_STORAGE_ACCOUNT_URL", "https://shop-blob.apps.svc"),
    ];

    fn asked(more: &[(&str, &str)]) -> Vec<Right> {
        let target = target(&[&OF_A_NAMESPACE, more].concat());
        let questions = Thing::ALL.into_iter().flat_map(|thing| thing.questions(&target));
        questions.map(|question| question.right).collect()
    }

    #[test]
    fn only_what_the_settings_name_is_asked_about() {
        let hub = ("EVENT_HUB_NAME", "telemetry");
        let topic = ("EVENTGRID_TOPIC_NAME", "orders");
        let subscription = ("EVENTGRID_EVENT_SUBSCRIPTION_NAME", "billing");
        assert_eq!(asked(&[]), [Right::Checkpoints]);
        assert_eq!(asked(&[subscription]), [Right::Checkpoints], "of which topic?");
        assert_eq!(
            asked(&[hub]),
            [Right::HubReceive, Right::HubSend, Right::Checkpoints]
        );
        assert_eq!(
            asked(&[topic]),
            [Right::TopicReceive, Right::TopicSend, Right::Checkpoints]
        );
        assert_eq!(
            asked(&[topic, subscription]),
            [Right::SubscriptionReceive, Right::TopicSend, Right::Checkpoints]
        );
        let target = target(&[("EVENTGRID_ENDPOINT", "https://shop.apps.svc")]);
        assert!(Thing::ALL.iter().all(|thing| thing.questions(&target).is_empty()));
    }

    #[test]
    fn names_of_any_characters_stay_in_their_place() {
        let paths = |questions: Vec<Question>| {
            let paths = questions.into_iter().map(|question| question.path);
            paths.collect::<Vec<_>>()
        };
        assert_eq!(
            paths(of_topic("a/b", Some("c:d"))),
            [
                "/topics/a%2Fb/eventsubscriptions/c%3Ad:acknowledge",
                "/topics/a%2Fb:publish"
            ]
        );
        assert_eq!(paths(of_hub("a/b"))[0], "/$weft/v1/hubs/a%2Fb");
    }

    #[test]
    fn only_what_is_refused_altogether_is_out_of_reach_and_checkpoints_never_are() {
        let refused = || Verdict::Refused("no".to_owned());
        assert!(Thing::Hub.is_out_of_reach(&[refused(), refused()]));
        assert!(!Thing::Topic.is_out_of_reach(&[refused(), Verdict::Allowed]));
        assert!(!Thing::Topic.is_out_of_reach(&[refused(), Verdict::Failed("busy".to_owned())]));
        assert!(!Thing::Checkpoints.is_out_of_reach(&[refused()]));
    }

    #[test]
    fn a_refusal_that_names_only_what_lies_around_it_is_of_nothing() {
        let of_hub = "`a` may not `send` on hubs.weft.dev/telemetry or eventnamespaces.weft.dev/shop: bind";
        let of_none = "there is no hub `telemetri` here, and `a` may not `send` on eventnamespaces.weft.dev/shop: check";
        assert!(!Right::HubSend.is_of_nothing(of_hub));
        assert!(Right::HubSend.is_of_nothing(of_none));
        assert!(!Right::HubSend.is_of_nothing("the authorization rule `r` lacks the right Send"));
        let of_topic =
            "`a` may not `receive` on topics.weft.dev/orders or eventnamespaces.weft.dev/shop: bind";
        assert!(Right::SubscriptionReceive.is_of_nothing(of_topic));
        let of_checkpoints = "`a` may not `receive` on eventnamespaces.weft.dev/shop/checkpoints: bind";
        assert!(!Right::Checkpoints.is_of_nothing(of_checkpoints));
    }
}

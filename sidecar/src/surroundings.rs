//! What a process finds in its environment about object stores, of which nobody else tells it everything.

use std::collections::BTreeMap;
use std::fmt;

use adapters::object_store::complete;
use config::{Checkpoint, Document, Secrets, StoreCredentials};

/// Environment variables that may concern object stores. In a pod, a cloud says in this way who the pod is; in local mode
/// it is all that is known. `Debug` shows names, never a value.
#[derive(Clone, Default)]
pub struct Surroundings(Vec<(String, String)>);

impl Surroundings {
    /// Those among `variables`, which are all that there are.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let concerns = |(name, _): &(String, String)| {
            let name = name.to_ascii_uppercase();
            ["AWS_", "AZURE_", "GOOGLE_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        };
        Self(variables.into_iter().filter(concerns).collect())
    }

    /// `secrets` with the options of every store of `document` as it is to be opened: what they say, and under it what the
    /// environment says.
    pub fn complete(&self, document: &Document, secrets: Secrets) -> Secrets {
        if self.0.is_empty() {
            return secrets;
        }
        let object_store = match &document.head.settings.checkpoint {
            Checkpoint::ConfigMap => secrets.object_store,
            Checkpoint::ObjectStore { url } => self.under(url, &secrets.object_store),
        };
        Secrets {
            object_store,
            dead_letter_stores: self.dead_letter_stores(document, &secrets.dead_letter_stores),
            ..secrets
        }
    }

    fn under(&self, url: &str, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        complete(url, own, self.0.iter().cloned())
    }

    /// Subscriptions of one Secret may have stores of several kinds, each with variables of its own: so they are kept by
    /// both.
    fn dead_letter_stores(
        &self,
        document: &Document,
        told: &BTreeMap<String, StoreCredentials>,
    ) -> BTreeMap<String, StoreCredentials> {
        const NOTHING: &BTreeMap<String, String> = &BTreeMap::new();
        let mut secrets = BTreeMap::new();
        for (name, credentials) in told {
            let subscriptions = credentials.subscriptions.iter();
            secrets.extend(subscriptions.map(|uid| (uid.as_str(), (name.as_str(), &credentials.options))));
        }
        let mut completed: BTreeMap<String, StoreCredentials> = BTreeMap::new();
        for subscription in document.topics.iter().flat_map(|topic| &topic.subscriptions) {
            let Some(store) = &subscription.dead_letter_store else {
                continue;
            };
            let (name, own) = secrets
                .get(subscription.uid.as_str())
                .copied()
                .unwrap_or(("", NOTHING));
            let kind = store.url.split(':').next().unwrap_or_default();
            let credentials = completed
                .entry(format!("{name}/{kind}"))
                .or_insert_with(|| StoreCredentials {
                    options: self.under(&store.url, own),
                    ..StoreCredentials::default()
                });
            credentials.subscriptions.insert(subscription.uid.clone());
        }
        completed.retain(|_, credentials| !credentials.options.is_empty());
        completed
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use config::{DeadLetterStore, Filter, Subscription, Topic};

    use super::*;
    use crate::reload::tests::configuration;

    fn surroundings() -> Surroundings {
        let variables = [
            ("AWS_REGION", "eu-west-3"),
            ("AWS_ROLE_ARN", "role"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
            ("GOOGLE_SERVICE_ACCOUNT", "/key.json"),
            ("HOME", "/"),
        ];
        Surroundings::new(variables.map(|(name, value)| (name.into(), value.into())))
    }

    fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    fn subscription(uid: &str, url: Option<&str>) -> Subscription {
        Subscription {
            uid: uid.into(),
            name: uid.into(),
            resource_name: uid.into(),
            lock_duration_seconds: 60,
            max_delivery_count: 10,
            time_to_live_seconds: 3600,
            filter: Filter::default(),
            dead_letter_topic: None,
            dead_letter_store: url.map(|url| DeadLetterStore { url: url.into() }),
        }
    }

    /// Each subscription, and what it sends its dead letters to.
    fn document(stores: &[(&str, Option<&str>)]) -> Document {
        let subscriptions = stores.iter().map(|(uid, url)| subscription(uid, *url));
        let topic = Topic {
            uid: "t".into(),
            name: "orders".into(),
            resource_name: "orders".into(),
            retention_seconds: 86_400,
            dead_letter_target: false,
            subscriptions: subscriptions.collect(),
        };
        configuration(1, vec![topic]).document
    }

    fn secrets() -> Secrets {
        configuration(1, Vec::new()).secrets
    }

    fn credentials(pairs: &[(&str, &str)], subscriptions: &[&str]) -> StoreCredentials {
        StoreCredentials {
            options: options(pairs),
            subscriptions: subscriptions.iter().map(|uid| (*uid).into()).collect(),
        }
    }

    const REGION: (&str, &str) = ("aws_region", "eu-west-3");
    const ROLE: (&str, &str) = ("aws_role_arn", "role");
    const TOKEN: (&str, &str) = ("aws_web_identity_token_file", "/token");

    #[test]
    fn the_copy_of_positions_is_opened_with_what_the_secret_says_and_under_it_the_environment() {
        let mut document = document(&[]);
        let mut completed = |url: &str, own: &[(&str, &str)]| {
            document.head.settings.checkpoint = Checkpoint::ObjectStore { url: url.into() };
            let secrets = Secrets {
                object_store: options(own),
                ..secrets()
            };
            surroundings().complete(&document, secrets).object_store
        };
        assert_eq!(completed("s3://bucket", &[]), options(&[REGION, ROLE, TOKEN]));
        let key = [("aws_access_key_id", "id"), ("aws_region", "eu-central-1")];
        assert_eq!(completed("s3://bucket", &key), options(&key));
        assert_eq!(completed("file:///letters", &[]), options(&[]));
    }

    #[test]
    fn each_store_of_dead_letters_is_completed_as_fits_its_url_and_its_secret() {
        let document = document(&[
            ("a", Some("s3://bucket/a")),
            ("b", Some("s3://bucket/b")),
            ("c", Some("gs://bucket/c")),
            ("d", Some("s3://bucket/d")),
            ("e", Some("az://container")),
            ("f", Some("file:///letters")),
            ("g", None),
        ]);
        let key = [("aws_access_key_id", "id"), ("aws_secret_access_key", "k")];
        let told = [
            ("keys".to_owned(), credentials(&key, &["d"])),
            (
                "limits".to_owned(),
                credentials(&[("timeout", "5s")], &["b", "c"]),
            ),
        ];
        let secrets = Secrets {
            dead_letter_stores: told.into(),
            ..secrets()
        };
        let found = surroundings().complete(&document, secrets).dead_letter_stores;
        let of = |uid: &str| {
            let mut found = found.values().filter(|one| one.subscriptions.contains(uid));
            let options = found.next().map(|one| one.options.clone());
            assert!(found.next().is_none(), "{uid} has two");
            options
        };
        let timeout = ("timeout", "5s");
        let google = ("google_service_account", "/key.json");
        assert_eq!(of("a"), Some(options(&[REGION, ROLE, TOKEN])));
        assert_eq!(of("b"), Some(options(&[timeout, REGION, ROLE, TOKEN])));
        assert_eq!(of("c"), Some(options(&[timeout, google])));
        assert_eq!(of("d"), Some(options(&[key[0], key[1], REGION])));
        assert_eq!([of("e"), of("f"), of("g")], [None, None, None]);
    }

    #[test]
    fn where_the_environment_says_nothing_everything_stays_as_it_was_told() {
        let document = document(&[("a", Some("s3://bucket/a"))]);
        let secrets = Secrets {
            dead_letter_stores: BTreeMap::from([("store".into(), credentials(&[REGION], &["a"]))]),
            ..secrets()
        };
        let nothing = Surroundings::new([("PATH".to_owned(), "/bin".to_owned())]);
        assert_eq!(nothing.complete(&document, secrets.clone()), secrets);
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let variables = [("AWS_SECRET_ACCESS_KEY".to_owned(), "hush".to_owned())];
        let shown = format!("{:?}", Surroundings::new(variables));
        assert!(
            shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("hush"),
            "{shown}"
        );
    }

    #[test]
    fn every_credential_that_opens_no_way_to_the_cloud_is_an_option_of_its_store() {
        for (scheme, url) in [
            ("s3", "s3://b"),
            ("az", "az://b"),
            ("azure", "azure://b"),
            ("gs", "gs://b"),
        ] {
            let names = config::credentials_of(scheme);
            assert!(names.is_sorted() && !names.is_empty());
            for name in names {
                let opened = adapters::object_store::ObjectLetters::open(url, &options(&[(name, "x")]));
                let unknown = matches!(opened, Err(adapters::object_store::LocationError::Option { .. }));
                assert!(!unknown, "{name} is no option of {url}");
            }
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        }
    }
}

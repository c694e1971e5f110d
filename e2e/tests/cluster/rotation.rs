//! Keys, certificates and authorities change under load, and no request fails: neither of programs that have read the
//! new settings, nor of those that still have the old.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use crds::v1alpha1::Namespace;
use e2e::{
    EventGrid,
    cluster::{Cluster, Door, Space, until},
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use crate::{
    fixture::{self, Connect, Prober, SOON},
    harness,
};

#[test]
fn keys_rotate_without_a_failed_request() {
    let _together = harness::together();
    let space = fixture::shop("keys");
    fixture::connect(&space);
    let before = space.door("shop").expect("a door");
    let life = fixture::life(&space, "shop").expect("it runs");
    let with_old_key = prober("with the old key", Connect::Once, before.clone());
    let with_old_key_anew = prober(
        "with the old key, each time anew",
        Connect::EachTime,
        before.clone(),
    );
    let with_newest = newest_settings(&space);
    with_newest.wait_for(30);
    space
        .annotate::<Namespace>("shop", "weft.dev/rotate-keys", "once")
        .expect("annotated");
    until("the Secret for programs to hold a new key", SOON, || {
        ensure!(
            space.door("shop")?.key != before.key,
            "it holds the key of before"
        );
        Ok(())
    })
    .expect("the key changes");
    // Two keys live: the old one is good until the next rotation.
    with_newest.wait_for(30);
    with_old_key.wait_for(30);
    with_old_key_anew.wait_for(30);
    with_old_key.end_without_failure();
    with_old_key_anew.end_without_failure();
    let second = space.door("shop").expect("a door");
    space
        .annotate::<Namespace>("shop", "weft.dev/rotate-keys", "again")
        .expect("annotated");
    until("the first key to be refused", SOON, || {
        let refused = before.open()?.publish("orders", &[e2e::eventgrid::event("late")]);
        let words = format!("{:#}", refused.err().context("it is accepted")?);
        ensure!(words.contains("401"), "{words}");
        Ok(())
    })
    .expect("a key that was rotated twice is dead");
    let mut client = second.open().expect("a connection");
    fixture::publish(&mut client, &["the second key is the older one now"]);
    with_newest.wait_for(30);
    with_newest.end_without_failure();
    assert_eq!(
        fixture::life(&space, "shop").expect("it runs"),
        life,
        "without a restart"
    );
}

#[test]
fn certificates_rotate_without_a_failed_request() {
    let _together = harness::together();
    let space = fixture::shop("certificates");
    fixture::connect(&space);
    let before = space.door("shop").expect("a door");
    let life = fixture::life(&space, "shop").expect("it runs");
    let stays = prober("on one connection", Connect::Once, before.clone());
    let anew = prober(
        "each time anew, with the old bundle",
        Connect::EachTime,
        before.clone(),
    );
    let newest = newest_settings(&space);

    anew.wait_for(30);
    let certificate = served_certificate(&space);
    space
        .annotate::<Namespace>("shop", "weft.dev/rotate-certificate", "now")
        .expect("annotated");
    until(
        "the Secret of the broker to hold another certificate",
        SOON,
        || {
            ensure!(
                served_certificate(&space) != certificate,
                "it is the one of before"
            );
            Ok(())
        },
    )
    .expect("the certificate changes");
    space
        .wait_ready::<Namespace>("shop", SOON)
        .expect("the broker has applied it");
    anew.wait_for(50);

    space
        .annotate::<Namespace>("shop", "weft.dev/rotate-ca", "now")
        .expect("annotated");
    until("programs to be given a second authority", SOON, || {
        let authorities = space.door("shop")?.authorities;
        let count = authorities.matches("BEGIN CERTIFICATE").count();
        ensure!(count == 2, "{count} authorities are trusted");
        Ok(())
    })
    .expect("the second authority is trusted");
    let trust: ConfigMap = space.get("shop-trust").expect("what programs mount");
    let bundle = trust.data.unwrap_or_default()["bundle.pem"]
        .matches("BEGIN CERTIFICATE")
        .count();
    assert!(
        bundle > 100,
        "the bundle holds the public roots, too, and has {bundle} certificates"
    );
    anew.wait_for(50);
    newest.wait_for(50);
    stays.end_without_failure();
    anew.end_without_failure();
    newest.end_without_failure();
    assert_eq!(
        fixture::life(&space, "shop").expect("it runs"),
        life,
        "without a restart"
    );
}

fn prober(name: &str, when: Connect, door: Door) -> Prober {
    Prober::start(name, "orders", when, move || door.open())
}

/// Reads the settings for every request: what stands there has to work, at every moment.
fn newest_settings(space: &Space) -> Prober {
    let reader = Arc::new(Reader {
        cluster: space.cluster().clone(),
        space: space.name().to_owned(),
        door: space.door("shop").expect("a door"),
    });
    Prober::start(
        "with the newest settings",
        "orders",
        Connect::EachTime,
        move || reader.open(),
    )
}

struct Reader {
    cluster: Cluster,
    space: String,
    door: Door,
}

impl Reader {
    fn open(&self) -> anyhow::Result<EventGrid> {
        let secret: Secret = self.cluster.get(&self.space, "shop-connection")?;
        let trust: ConfigMap = self.cluster.get(&self.space, "shop-trust")?;
        let key = secret
            .data
            .context("the Secret is empty")?
            .remove("EVENTGRID_KEY");
        let authorities = trust.data.context("the ConfigMap is empty")?.remove("ca.crt");
        let door = Door {
            key: String::from_utf8(key.context("there is no key")?.0)?,
            authorities: authorities.context("there is no ca.crt")?,
            ..self.door.clone()
        };
        door.open()
    }
}

fn served_certificate(space: &Space) -> String {
    let secret = space.secret("shop-secrets").expect("the broker's Secret");
    let secrets: serde_json::Value =
        serde_json::from_str(&secret["secrets.json"]).expect("secrets.json is JSON");
    let pem = secrets["certificatePem"].as_str();
    pem.unwrap_or_else(|| {
        panic!(
            "no certificate among {:?}",
            secrets.as_object().map(|o| o.keys().collect::<Vec<_>>())
        )
    })
    .to_owned()
}

//! What happens after a minute: the shortest lock and the shortest time to live that Azure knows. One minute for all.

use std::{
    thread,
    time::{Duration, Instant},
};

use e2e::{
    Weft,
    clients::{self, Door, Sdk},
    eventgrid::{Settlement, event},
    manifests::Manifests,
};

#[test]
fn locks_and_events_live_as_long_as_their_subscription_says() {
    let manifests = Manifests::new("1Gi")
        .topic("renewed")
        .subscription("renewed", "renewed-all", "")
        .topic("expired")
        .subscription("expired", "expired-all", "")
        .topic("dead")
        .topic("mortal")
        .subscription(
            "mortal",
            "mortal-all",
            "queue: {eventTimeToLive: PT1M}\ndeadLetter: {topicRef: {name: dead}}",
        );
    let weft = Weft::start(manifests.yaml()).expect("weft starts");
    thread::scope(|scope| {
        scope.spawn(|| a_renewed_lock_holds(&weft));
        scope.spawn(|| an_expired_lock_gives_the_event_to_the_next(&weft));
        scope.spawn(|| an_expired_event_is_dead_lettered(&weft));
    });
}

fn a_renewed_lock_holds(weft: &Weft) {
    let scenario = "renew_past_the_lock_time";
    clients::run(
        weft,
        Sdk::PythonNewest,
        Door::Http,
        scenario,
        "renewed",
        "renewed-all",
    )
    .expect("the lock holds");
}

fn an_expired_lock_gives_the_event_to_the_next(weft: &Weft) {
    let mut client = weft.client().expect("a client");
    client.publish("expired", &[event("1")]).expect("published");
    let start = Instant::now();
    let first = client
        .receive("expired", "expired-all", 1)
        .expect("received")
        .remove(0);
    // A waiting receiver is woken by the end of the lock; nothing else happens on this topic.
    let second = client
        .receive_within("expired", "expired-all", 1, 75)
        .expect("received")
        .remove(0);
    let waited = start.elapsed();
    assert!(
        waited > Duration::from_secs(59) && waited < Duration::from_secs(64),
        "{waited:?}"
    );
    assert_eq!((second.id(), second.delivery_count), ("1", 2));
    let mut acknowledge = |token: &str| {
        client
            .settle("expired", "expired-all", Settlement::Acknowledge, [token])
            .expect("settled")
    };
    let late = acknowledge(&first.lock_token);
    assert_eq!(late.failed, [(first.lock_token.clone(), "TokenLost".to_owned())]);
    assert_eq!(
        acknowledge(&second.lock_token).succeeded,
        std::slice::from_ref(&second.lock_token)
    );
}

fn an_expired_event_is_dead_lettered(weft: &Weft) {
    let mut client = weft.client().expect("a client");
    client.publish("mortal", &[event("1")]).expect("published");
    thread::sleep(Duration::from_secs(65));
    assert!(
        client
            .receive("mortal", "mortal-all", 1)
            .expect("received")
            .is_empty()
    );
    let letters = crate::dead_letters::list(weft, "dead");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].reason, "TimeToLiveExceeded");
}

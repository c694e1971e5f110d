use std::time::Duration;

use auth::Permit;
use broker::*;
use futures_util::FutureExt;
use model::ByteCount;
use storage::Log;
use storage::memory::Store;

use super::fixture::*;

#[tokio::test]
async fn what_is_received_is_what_was_published() {
    let fixture = Fixture::new().await;
    fixture.publish(1).await;
    let received = fixture.receive(10).await;
    assert_eq!(events(&received), [&event(1).json()[..]]);
    assert_eq!(received[0].delivery_count, 1);
}

#[tokio::test]
async fn the_trace_of_the_request_travels_with_the_event() {
    let fixture = Fixture::new().await;
    let trace = TraceContext {
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        tracestate: None,
    };
    fixture
        .orders()
        .publish(&Permit::internal(), &[event(1)], trace)
        .await
        .unwrap();
    let received = fixture.receive(1).await;
    let text = std::str::from_utf8(&received[0].event).unwrap();
    assert!(
        text.contains(r#""traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01""#),
        "{text}"
    );
}

#[tokio::test]
async fn a_tail_sees_every_event_and_says_how_many_it_missed() {
    let fixture = Fixture::new().await;
    let mut tail = fixture.orders().tail(&Permit::internal());
    let unwanted = typed(1, "unwanted");
    let (topic, permit) = (fixture.orders(), Permit::internal());
    topic
        .publish(&permit, std::slice::from_ref(&unwanted), TraceContext::default())
        .await
        .unwrap();
    assert_eq!(tail.next().await, Some(Tailed::Event(unwanted.json().clone())));
    let many: Vec<_> = (0..300).map(event).collect();
    topic
        .publish(&permit, &many, TraceContext::default())
        .await
        .unwrap();
    assert_eq!(tail.next().await, Some(Tailed::Missed(44)));
    assert_eq!(tail.next().await, Some(Tailed::Event(event(44).json().clone())));
}

#[tokio::test]
async fn a_full_log_refuses_events_and_still_settles_them() {
    let fixture = Fixture::over(Store::bounded(ByteCount(4096), ByteCount(4096))).await;
    let topic = fixture.orders();
    let mut published = 0;
    let refused = loop {
        match topic
            .publish(&Permit::internal(), &[event(published)], TraceContext::default())
            .await
        {
            Ok(()) => published += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Full { .. }), "{refused:?}");
    let received = fixture.receive(100).await;
    assert_eq!(received.len() as u64, published);
    let settled = fixture
        .billing()
        .acknowledge(&Permit::internal(), tokens(&received))
        .await
        .unwrap();
    assert!(settled.iter().all(Result::is_ok));
    fixture.log_settled().await;
    fixture.publish(published).await;
}

#[tokio::test]
async fn the_log_forgets_what_everybody_has_settled() {
    let fixture = Fixture::new().await;
    for id in 0..10 {
        fixture.publish(id).await;
    }
    let received = fixture.receive(10).await;
    fixture
        .billing()
        .acknowledge(&Permit::internal(), tokens(&received))
        .await
        .unwrap();
    fixture.log_settled().await;
    assert_eq!(fixture.log.usage().live, ByteCount(0));
}

#[tokio::test]
async fn a_closed_topic_is_not_found_by_name_or_handle() {
    let fixture = Fixture::new().await;
    let topic = fixture.orders();
    fixture.configure(Vec::new()).await;
    assert!(fixture.broker.topic("orders").is_none());
    assert!(topic.subscription("billing").is_none());
    let published = topic
        .publish(&Permit::internal(), &[event(1)], TraceContext::default())
        .await;
    assert_eq!(published, Err(Error::NotFound));
    let streams = fixture.broker.streams().await.unwrap();
    assert!(
        streams
            .iter()
            .all(|stream| matches!(stream.state, StreamState::Closed { .. }))
    );
    fixture.broker.purge(&Permit::internal(), ORDERS).await.unwrap();
    assert_eq!(fixture.broker.streams().await.unwrap().len(), 1);
}

#[tokio::test]
async fn metrics_count_events_by_subscription() {
    let fixture = Fixture::new().await;
    fixture.publish(1).await;
    fixture.publish(2).await;
    let received = fixture.receive(1).await;
    fixture
        .billing()
        .acknowledge(&Permit::internal(), tokens(&received))
        .await
        .unwrap();
    let text = fixture.registry.encode();
    for line in [
        r#"weft_topics_events_published_total{topic="orders"} 2"#,
        r#"weft_topics_events_matched_total{topic="orders",subscription="billing"} 2"#,
        r#"weft_topics_events_delivered_total{topic="orders",subscription="billing"} 1"#,
        r#"weft_topics_events_acknowledged_total{topic="orders",subscription="billing"} 1"#,
        r#"weft_topics_events_backlog{topic="orders",subscription="billing"} 1"#,
        r#"weft_topics_events_in_flight{topic="orders",subscription="billing"} 0"#,
        "weft_topics_publish_duration_seconds_count 2",
    ] {
        assert!(text.lines().any(|each| each == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn series_are_bounded_however_many_topics_there_are() {
    let fixture = Fixture::new().await;
    let topics = (0..1100_u128).map(|number| TopicConfig {
        uid: model::Uid::from_u128(1000 + number),
        name: format!("topic-{number:04}"),
        retention: DAY,
        subscriptions: Vec::new(),
    });
    fixture.configure(topics.collect()).await;
    let text = fixture.registry.encode();
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("weft_topics_events_published_total"))
            .count(),
        1001
    );
    assert!(text.contains(r#"weft_topics_events_published_total{topic="_other"} 0"#));
}

#[tokio::test]
async fn a_stopped_broker_says_so() {
    let fixture = Fixture::new().await;
    let (topic, subscription) = (fixture.orders(), fixture.billing());
    let permit = Permit::internal();
    let waiting = subscription.receive(&permit, 1, MINUTE);
    let stop = async {
        fixture.log_settled().await;
        fixture.stop().await;
    };
    let (received, ()) = futures_util::future::join(waiting, stop).await;
    assert!(
        received.unwrap().is_empty(),
        "whoever waits goes home empty-handed"
    );
    let published = topic
        .publish(&Permit::internal(), &[event(1)], TraceContext::default())
        .await;
    assert_eq!(published, Err(Error::Closed));
    assert!(
        subscription
            .receive(&Permit::internal(), 1, Duration::ZERO)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn what_was_published_by_a_client_that_did_not_wait_is_counted_and_shown() {
    let fixture = Fixture::new().await;
    let (topic, permit) = (fixture.orders(), Permit::internal());
    let mut tail = topic.tail(&Permit::internal());
    let one = [event(1)];
    let mut publishing = Box::pin(topic.publish(&permit, &one, TraceContext::default()));
    assert!(publishing.as_mut().now_or_never().is_none(), "it is on its way");
    drop(publishing);
    let shown = tokio::time::timeout(Duration::from_secs(10), tail.next()).await;
    assert!(matches!(shown, Ok(Some(Tailed::Event(shown))) if shown == *one[0].json()));
    let line = r#"weft_topics_events_published_total{topic="orders"} 1"#;
    assert!(fixture.registry.encode().lines().any(|each| each == line));
}

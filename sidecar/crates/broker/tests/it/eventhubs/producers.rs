use auth::Permit;
use broker::*;
use bytes::Bytes;
use storage::shadow::Survivors;

use super::world::*;

fn send(
    world: &World,
    producer: Producer,
    first_sequence: i32,
    events: &[&str],
) -> Result<Appended, AppendError> {
    let stamp = ProducerStamp {
        id: producer.id,
        epoch: producer.epoch,
        first_sequence,
    };
    let events: Vec<Bytes> = events
        .iter()
        .map(|event| Bytes::from(String::from(*event)))
        .collect();
    world
        .partition(0)
        .append(&Permit::internal(), &events, Some(stamp))
}

async fn open(world: &World, options: ProducerOptions) -> Result<Producer, AppendError> {
    world
        .partition(0)
        .open_producer(&Permit::internal(), options)
        .await
}

#[tokio::test]
async fn a_batch_that_is_sent_again_is_accepted_and_not_stored_twice() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        let producer = open(&world, ProducerOptions::default()).await.unwrap();
        let first = send(&world, producer, 0, &["a", "b"]).unwrap();
        let again = send(&world, producer, 0, &["a", "b"]).unwrap();
        assert!(again.is_duplicate && !first.is_duplicate);
        again.durable().await;
        assert!(first.is_durable(), "a duplicate is as durable as what it repeats");
        assert_eq!(
            send(&world, producer, 3, &["d"]).unwrap_err(),
            AppendError::OutOfOrderSequence {
                producer: producer.id,
                expected: 2,
                found: 3
            }
        );
        send(&world, producer, 2, &["c"]).unwrap().durable().await;
        assert_eq!(texts(&world.read(0).await), ["a", "b", "c"]);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_restart_forgets_no_producer() {
    for gracefully in [true, false] {
        for ground in Ground::each() {
            let mut world = World::over(ground).await;
            let producer = open(&world, ProducerOptions::default()).await.unwrap();
            send(&world, producer, 0, &["a", "b"]).unwrap().durable().await;
            for _ in 0..2 {
                world = match gracefully {
                    true => world.restart().await,
                    false => world.power_cut(Survivors::None).await,
                };
                assert!(send(&world, producer, 1, &["b"]).unwrap().is_duplicate);
            }
            let other = open(&world, ProducerOptions::default()).await.unwrap();
            assert_ne!(other.id, producer.id);
            let again = ProducerOptions {
                id: Some(producer.id),
                ..ProducerOptions::default()
            };
            let renewed = open(&world, again).await.unwrap();
            assert_eq!(
                (renewed.epoch, renewed.last_sequence),
                (producer.epoch + 1, Some(1))
            );
            assert_eq!(
                send(&world, producer, 2, &["c"]).unwrap_err(),
                AppendError::ProducerEpochStolen {
                    producer: producer.id,
                    epoch: producer.epoch,
                    current: renewed.epoch
                }
            );
            send(&world, renewed, 2, &["c"]).unwrap().durable().await;
            assert_eq!(texts(&world.read(0).await), ["a", "b", "c"]);
            world.stop().await;
        }
    }
}

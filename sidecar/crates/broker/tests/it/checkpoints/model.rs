//! Checkpoints against a plain reading of the promise: random requests, equal answers.

use std::collections::BTreeMap;
use std::time::Duration;

use broker::*;
use proptest::prelude::*;
use storage::shadow::Survivors;

use super::positions::*;
use crate::it::eventhubs::world::*;

const CONTAINERS: [&str; 2] = ["aaa", "bbb"];
const NAMES: [&str; 3] = ["x", "x/y", "z"];

#[derive(Clone, Debug)]
enum Command {
    Create(usize),
    DeleteContainer(usize),
    Put(Place, When, u8),
    SetMetadata(Place, When, u8),
    Delete(Place, When),
    Pass,
    Restart,
    PowerCut,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    container: usize,
    name: usize,
}

/// Which condition is made.
#[derive(Clone, Copy, Debug)]
enum When {
    Always,
    IfAny,
    IfNone,
    /// The version that there is, or none that there ever was.
    IfThis,
    IfNotThis,
    /// A version that there was before.
    IfBefore,
}

/// What there should be: each blob's version and metadata.
#[derive(Default)]
struct Model {
    containers: BTreeMap<usize, ETag>,
    blobs: BTreeMap<(usize, usize), (ETag, Metadata)>,
    before: Option<ETag>,
    given: Given,
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let place =
        || (0..CONTAINERS.len(), 0..NAMES.len()).prop_map(|(container, name)| Place { container, name });
    let when = || {
        prop_oneof![
            3 => Just(When::Always),
            1 => Just(When::IfAny),
            1 => Just(When::IfNone),
            2 => Just(When::IfThis),
            1 => Just(When::IfNotThis),
            1 => Just(When::IfBefore),
        ]
    };
    let command = prop_oneof![
        1 => (0..CONTAINERS.len()).prop_map(Command::Create),
        1 => (0..CONTAINERS.len()).prop_map(Command::DeleteContainer),
        8 => (place(), when(), any::<u8>()).prop_map(|(place, when, n)| Command::Put(place, when, n)),
        8 => (place(), when(), any::<u8>()).prop_map(|(place, when, n)| Command::SetMetadata(place, when, n)),
        3 => (place(), when()).prop_map(|(place, when)| Command::Delete(place, when)),
        2 => Just(Command::Pass),
        1 => Just(Command::Restart),
        1 => Just(Command::PowerCut),
    ];
    proptest::collection::vec(command, 1..80)
}

impl Model {
    fn this(&self, place: Place) -> Option<ETag> {
        let blob = self.blobs.get(&(place.container, place.name));
        blob.map(|(etag, _)| *etag)
    }

    fn conditions(&self, place: Place, when: When) -> Conditions {
        let this = || {
            Some(Tags::These(vec![
                self.this(place)
                    .map_or(String::from("0x1"), |tag| tag.to_string()),
            ]))
        };
        let mut conditions = Conditions::default();
        match when {
            When::Always => (),
            When::IfAny => conditions.if_match = Some(Tags::Any),
            When::IfNone => conditions.if_none_match = Some(Tags::Any),
            When::IfThis => conditions.if_match = this(),
            When::IfNotThis => conditions.if_none_match = this(),
            When::IfBefore => {
                let before = self.before.map_or(String::from("0x2"), |tag| tag.to_string());
                conditions.if_match = Some(Tags::These(vec![before]));
            }
        }
        conditions
    }

    fn is_met(&self, place: Place, when: When) -> bool {
        let this = self.this(place);
        match when {
            When::Always => true,
            When::IfAny | When::IfThis => this.is_some(),
            When::IfNone | When::IfNotThis => this.is_none(),
            When::IfBefore => this.is_some() && this == self.before,
        }
    }

    fn put_error(&self, place: Place, when: When) -> Option<CheckpointError> {
        match when {
            _ if self.is_met(place, when) => None,
            When::IfNone => Some(CheckpointError::BlobAlreadyExists),
            _ => Some(CheckpointError::ConditionNotMet),
        }
    }

    fn change_error(&self, place: Place, when: When) -> Option<CheckpointError> {
        match self.this(place) {
            None => Some(CheckpointError::BlobNotFound),
            Some(_) if self.is_met(place, when) => None,
            Some(_) => Some(CheckpointError::ConditionNotMet),
        }
    }

    fn written(&mut self, place: Place, etag: ETag, metadata: Metadata) {
        self.given.note(etag);
        let former = self.blobs.insert((place.container, place.name), (etag, metadata));
        self.before = former.map(|(etag, _)| etag).or(self.before);
    }

    /// The container may have come into being.
    async fn note_container(&mut self, world: &World, container: usize) {
        if !self.containers.contains_key(&container) {
            let found = world
                .broker
                .checkpoints()
                .container(&LISTEN, CONTAINERS[container])
                .await
                .expect("the name is valid");
            self.given.note(found.etag);
            self.containers.insert(container, found.etag);
        }
    }

    async fn check(&self, world: &World) {
        let checkpoints = world.broker.checkpoints();
        let found: Vec<_> = containers(world)
            .await
            .into_iter()
            .map(|container| (container.name, container.etag))
            .collect();
        let expected = self.containers.iter();
        let expected: Vec<_> = expected
            .map(|(container, etag)| (String::from(CONTAINERS[*container]), *etag))
            .collect();
        assert_eq!(found, expected);
        for (index, container) in CONTAINERS.into_iter().enumerate() {
            let list = checkpoints.list(&LISTEN, container, "", "", None, 100);
            let found = ungrouped(list.await.expect("the name is valid").items);
            let found: Vec<_> = found
                .into_iter()
                .map(|blob| (blob.name, blob.etag, blob.content.metadata.clone()))
                .collect();
            let expected = self
                .blobs
                .iter()
                .filter(|((container, _), _)| *container == index);
            let expected: Vec<_> = expected
                .map(|((_, name), (etag, metadata))| (String::from(NAMES[*name]), *etag, metadata.clone()))
                .collect();
            assert_eq!(found, expected);
        }
    }
}

async fn run(ground: Ground, commands: Vec<Command>) {
    let mut world = World::over(ground).await;
    let mut model = Model::default();
    for (step, command) in commands.into_iter().enumerate() {
        world = apply(world, &mut model, step as u64, command).await;
        model.check(&world).await;
    }
    world.stop().await;
}

async fn apply(world: World, model: &mut Model, step: u64, command: Command) -> World {
    let checkpoints = world.broker.checkpoints().clone();
    match command {
        Command::Create(container) => {
            let created = checkpoints.create_container(&SEND, CONTAINERS[container]).await;
            let exists = model.containers.contains_key(&container);
            assert_eq!(created.is_err(), exists);
            model.note_container(&world, container).await;
        }
        Command::DeleteContainer(container) => {
            let deleted = checkpoints.delete_container(&MANAGE, CONTAINERS[container]).await;
            assert_eq!(deleted.is_ok(), model.containers.remove(&container).is_some());
            model.blobs.retain(|(other, _), _| *other != container);
        }
        Command::Put(place, when, n) => {
            let content = content(&[("n", &n.to_string())]);
            let metadata = content.metadata.clone();
            let conditions = model.conditions(place, when);
            let (container, name) = (CONTAINERS[place.container], NAMES[place.name]);
            let put = checkpoints
                .put(&SEND, container, name, content, &conditions)
                .await;
            assert_eq!(put.as_ref().err(), model.put_error(place, when).as_ref());
            if let Ok(written) = put {
                model.note_container(&world, place.container).await;
                model.written(place, written.etag, metadata);
            }
        }
        Command::SetMetadata(place, when, n) => {
            let metadata = metadata(&[("n", &n.to_string()), ("set", "")]);
            let conditions = model.conditions(place, when);
            let (container, name) = (CONTAINERS[place.container], NAMES[place.name]);
            let set = checkpoints.set_metadata(&SEND, container, name, metadata.clone(), &conditions);
            let set = set.await;
            assert_eq!(set.as_ref().err(), model.change_error(place, when).as_ref());
            if let Ok(written) = set {
                model.written(place, written.etag, metadata);
            }
        }
        Command::Delete(place, when) => {
            let conditions = model.conditions(place, when);
            let (container, name) = (CONTAINERS[place.container], NAMES[place.name]);
            let deleted = checkpoints.delete_blob(&SEND, container, name, &conditions).await;
            assert_eq!(deleted.as_ref().err(), model.change_error(place, when).as_ref());
            if deleted.is_ok() {
                model.blobs.remove(&(place.container, place.name));
            }
        }
        Command::Pass => world.pass(Duration::from_secs(7)).await,
        Command::Restart => return world.restart().await,
        Command::PowerCut => return world.power_cut(Survivors::Seed(step)).await,
    }
    world
}

fn in_a_runtime(ground: Ground, commands: Vec<Command>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("it starts").block_on(run(ground, commands));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn checkpoints_over_a_log_in_memory_keep_their_promises(commands in commands()) {
        in_a_runtime(Ground::memory(), commands);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn checkpoints_over_a_log_on_a_disk_keep_their_promises(commands in commands()) {
        in_a_runtime(Ground::embedded(model::ByteCount::mib(4)), commands);
    }
}

//! What is declared, for callers to look up without asking the owner.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use model::Uid;
use tokio::sync::broadcast;

use crate::tail::BEHIND_MAX;
use crate::topics::counts::{SubscriptionCounts, TopicCounts};
use crate::topics::effects::Place;
use crate::topics::engine::{Engine, Stream};
use crate::topics::filter::Filters;

/// All declared topics; replaced as a whole when the configuration changes.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// By lower-case name.
    topics: HashMap<String, Arc<TopicRoute>>,
}

/// One declared topic. Lives as long as its declaration, while its filters and subscriptions change.
#[derive(Debug)]
pub(crate) struct TopicRoute {
    pub(crate) uid: Uid,
    pub(crate) name: Arc<str>,
    pub(crate) filters: ArcSwap<Filters>,
    pub(crate) counts: Arc<TopicCounts>,
    declared: AtomicBool,
    /// By lower-case name.
    subscriptions: ArcSwap<HashMap<String, Arc<SubscriptionRoute>>>,
    tails: OnceLock<broadcast::Sender<Bytes>>,
}

/// One declared subscription.
#[derive(Debug)]
pub(crate) struct SubscriptionRoute {
    pub(crate) place: Place,
    pub(crate) name: Arc<str>,
    pub(crate) counts: Arc<SubscriptionCounts>,
}

impl Routes {
    pub(crate) fn topic(&self, name: &str) -> Option<Arc<TopicRoute>> {
        self.topics.get(&name.to_lowercase()).cloned()
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<TopicRoute>> {
        self.topics.values()
    }

    /// The routes that the engine's configuration wants, with those of `self` that go on being valid.
    pub(crate) fn renewed(&self, engine: &Engine) -> Self {
        let known: HashMap<Uid, &Arc<TopicRoute>> =
            self.topics.values().map(|route| (route.uid, route)).collect();
        let mut topics = HashMap::new();
        let mut streams: Vec<&Stream> = engine.streams().filter(|stream| stream.is_open()).collect();
        // Which of two equal names wins must not depend on the order of a hash map.
        streams.sort_unstable_by_key(|stream| stream.uid);
        for stream in streams {
            let same = known.get(&stream.uid).filter(|route| route.name == stream.name);
            let route = same.map_or_else(|| Arc::new(TopicRoute::new(stream)), |route| Arc::clone(route));
            route.update(stream);
            topics.entry(stream.name.to_lowercase()).or_insert(route);
        }
        let renewed = Self { topics };
        for route in self.topics.values() {
            let stays = renewed
                .topic(&route.name)
                .is_some_and(|other| Arc::ptr_eq(&other, route));
            route.declared.store(stays, Ordering::Release);
        }
        renewed
    }
}

impl TopicRoute {
    fn new(stream: &Stream) -> Self {
        Self {
            uid: stream.uid,
            name: stream.name.clone(),
            filters: ArcSwap::new(stream.filters.clone()),
            counts: stream.counts.clone(),
            declared: AtomicBool::new(true),
            subscriptions: ArcSwap::default(),
            tails: OnceLock::new(),
        }
    }

    fn update(&self, stream: &Stream) {
        self.filters.store(stream.filters.clone());
        let declared = stream.declared_subscriptions().map(|subscription| {
            let route = SubscriptionRoute {
                place: Place {
                    topic: stream.uid,
                    subscription: subscription.index,
                },
                name: subscription.name.clone(),
                counts: subscription.counts.clone(),
            };
            (subscription.name.to_lowercase(), Arc::new(route))
        });
        self.subscriptions.store(Arc::new(declared.collect()));
    }

    pub(crate) fn is_declared(&self) -> bool {
        self.declared.load(Ordering::Acquire)
    }

    pub(crate) fn subscription(&self, name: &str) -> Option<Arc<SubscriptionRoute>> {
        self.subscriptions.load().get(&name.to_lowercase()).cloned()
    }

    pub(crate) fn subscriptions(&self) -> Arc<HashMap<String, Arc<SubscriptionRoute>>> {
        self.subscriptions.load_full()
    }

    pub(crate) fn tail(&self) -> broadcast::Receiver<Bytes> {
        self.tails
            .get_or_init(|| broadcast::Sender::new(BEHIND_MAX))
            .subscribe()
    }

    /// Whether somebody looks at what is published.
    pub(crate) fn is_watched(&self) -> bool {
        self.tails.get().is_some_and(|tails| tails.receiver_count() > 0)
    }

    /// Shows an event that is durable to whoever looks.
    pub(crate) fn show(&self, event: &Bytes) {
        if self.is_watched()
            && let Some(tails) = self.tails.get()
        {
            // Nobody is left to see it.
            let _ = tails.send(event.clone());
        }
    }
}

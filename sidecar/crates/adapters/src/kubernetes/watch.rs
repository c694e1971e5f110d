//! Following one object by its name.

use std::fmt::Debug;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use kube::Resource;
use kube::api::Api;
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};

use super::access::WATCH_SECONDS;
use super::backoff::{Backoff, after};

/// One object as it changes. It asks for the object by its name, so a Role with `resourceNames` is enough.
pub(super) struct Watched<K> {
    api: Api<K>,
    name: String,
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    /// The list that is being read held the object.
    was_listed: bool,
    backoff: Backoff,
    resume_at: Option<Instant>,
}

impl<K> Watched<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    pub(super) fn new(api: Api<K>, name: String) -> Self {
        Self {
            events: events(api.clone(), &name),
            api,
            name,
            was_listed: false,
            backoff: Backoff::default(),
            resume_at: None,
        }
    }

    /// The object as it is now, `None` if there is none; then whenever it changes. After an error it waits, longer from
    /// time to time, and begins anew with the object as it is then: so the end of an outage shows even if nothing has
    /// changed meanwhile.
    ///
    /// # Cancel safety
    /// Cancel safe: what it waits for is kept.
    pub(super) async fn next(&mut self) -> watcher::Result<Option<K>> {
        if let Some(at) = self.resume_at {
            sleep_until(at).await;
            self.events = events(self.api.clone(), &self.name);
            self.resume_at = None;
        }
        loop {
            // The stream has no end.
            let Some(event) = self.events.next().await else {
                self.events = events(self.api.clone(), &self.name);
                continue;
            };
            match event {
                Ok(event) => {
                    if let Some(object) = self.on_event(event) {
                        self.backoff.reset();
                        return Ok(object);
                    }
                }
                Err(error) => {
                    self.resume_at = Some(after(self.backoff.next()));
                    return Err(error);
                }
            }
        }
    }

    fn on_event(&mut self, event: Event<K>) -> Option<Option<K>> {
        match event {
            Event::Init => {
                self.was_listed = false;
                None
            }
            Event::InitApply(object) => {
                self.was_listed = true;
                Some(Some(object))
            }
            Event::InitDone => (!self.was_listed).then_some(None),
            Event::Apply(object) => Some(Some(object)),
            Event::Delete(_) => Some(None),
        }
    }
}

fn events<K>(api: Api<K>, name: &str) -> BoxStream<'static, watcher::Result<Event<K>>>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let by_name = watcher::Config::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(WATCH_SECONDS);
    watcher(api, by_name).boxed()
}

//! What the subject of a bearer token may do: asked from a [`Reviewer`], remembered for seconds.

mod decision;
mod question;
mod reviewer;

use std::sync::Arc;

use futures_util::future;
use model::Timestamp;
use parking_lot::Mutex;

use crate::bounded::Bounded;
use crate::{Error, Subject};
use decision::{Came, Decision};
pub use question::{Asked, Object, Question, Verb};
pub use reviewer::{EveryRight, Nobody, ReviewError, Reviewer};

/// So many decisions are remembered; beyond them the oldest are forgotten, and asked for again when they are needed.
const DECISIONS_MAX: usize = 10_000;

/// The Reviewer, and what it said lately. One question is asked once however many callers wait for its answer.
pub(crate) struct Reviews {
    reviewer: Arc<dyn Reviewer>,
    decisions: Mutex<Bounded<Key, Arc<Decision>>>,
}

/// What a decision is about. The whole subject counts, because a Reviewer may look at all of it.
type Key = (Arc<Subject>, Question);

/// Whether a subject may do something somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Allowed,
    Denied,
    /// There is no answer now, for this reason, which is for the log.
    Unknown(String),
}

/// The answers for every verb.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    pub(crate) send: Answer,
    pub(crate) receive: Answer,
    pub(crate) manage: Answer,
}

impl Reviews {
    pub(crate) fn new(reviewer: Arc<dyn Reviewer>) -> Self {
        Self {
            reviewer,
            decisions: Mutex::new(Bounded::new(DECISIONS_MAX)),
        }
    }

    /// Whether `subject` may `verb` on any of `objects`, which are asked for in their order until one allows it. If one did so
    /// lately, that stands in for an answer that does not come, or takes longer than a second.
    pub(crate) async fn ask(
        &self,
        subject: &Arc<Subject>,
        verb: Verb,
        objects: &[Object],
        now: Timestamp,
    ) -> Answer {
        let came = Came::at(now);
        let key = |object: &Object| {
            let object = object.clone();
            (Arc::clone(subject), Question { verb, object })
        };
        let keys: Vec<Key> = objects.iter().map(key).collect();
        let mut answer = Answer::Denied;
        for key in &keys {
            let decision = self.remembered(key);
            let decided = match decision.standing(came.now()) {
                Some(decided) => decided,
                None => {
                    let until = self.has_grace(&keys, came.now()).then(|| came.patience());
                    decision.ask(&self.reviewer, key.clone(), came, until).await
                }
            };
            match decided {
                // Who does not answer this question will not answer the next. The answer to the one before it may have been
                // that the right is gone.
                Answer::Unknown(_) if self.has_grace(&keys, came.now()) => return Answer::Allowed,
                Answer::Allowed => return Answer::Allowed,
                Answer::Denied => {}
                Answer::Unknown(reason) => answer = Answer::Unknown(reason),
            }
        }
        answer
    }

    /// [`Reviews::ask`] for every verb at once.
    pub(crate) async fn ask_all(
        &self,
        subject: &Arc<Subject>,
        objects: &[Object],
        now: Timestamp,
    ) -> Answers {
        let ask = |verb| self.ask(subject, verb, objects, now);
        let (send, receive, manage) =
            future::join3(ask(Verb::Send), ask(Verb::Receive), ask(Verb::Manage)).await;
        Answers {
            send,
            receive,
            manage,
        }
    }

    fn has_grace(&self, keys: &[Key], now: Timestamp) -> bool {
        let decisions = self.decisions.lock();
        keys.iter()
            .filter_map(|key| decisions.get(key))
            .any(|decision| decision.has_grace(now))
    }

    fn remembered(&self, key: &Key) -> Arc<Decision> {
        let mut decisions = self.decisions.lock();
        if let Some(decision) = decisions.get(key) {
            return Arc::clone(decision);
        }
        let decision = Arc::new(Decision::default());
        decisions.insert(key.clone(), Arc::clone(&decision));
        decision
    }
}

impl Answer {
    /// Nothing, or why not.
    pub(crate) fn must_allow(&self, subject: &Subject, verb: Verb, asked: &Asked) -> Result<(), Error> {
        match self {
            Self::Allowed => Ok(()),
            Self::Denied => Err(Error::LacksVerb {
                username: subject.username.clone(),
                verb,
                asked: asked.clone(),
            }),
            Self::Unknown(reason) => Err(Error::Unavailable(reason.clone())),
        }
    }
}

impl Answers {
    pub(crate) const fn of(&self, verb: Verb) -> &Answer {
        match verb {
            Verb::Send => &self.send,
            Verb::Receive => &self.receive,
            Verb::Manage => &self.manage,
        }
    }

    /// Nothing if any verb is allowed; else why not. No answer outweighs a denial: asked later, it may be a right.
    pub(crate) fn must_allow_something(&self, subject: &Subject, asked: &Asked) -> Result<(), Error> {
        let answers = [&self.send, &self.receive, &self.manage];
        if answers.contains(&&Answer::Allowed) {
            return Ok(());
        }
        let unknown = answers
            .into_iter()
            .find(|answer| matches!(answer, Answer::Unknown(_)));
        unknown
            .unwrap_or(&self.send)
            .must_allow(subject, Verb::Send, asked)
    }
}

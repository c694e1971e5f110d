//! Who leads, as a machine.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::ObjectMeta;

use super::LEASE;

/// Nobody takes a Lease over that changed less than this ago.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// Who leads stops when its last renewal began longer ago than this.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(10);

/// One candidate's view of the Lease.
#[derive(Debug)]
pub struct Election {
    identity: String,
    lease: Option<Lease>,
    /// When this process first saw the Lease as it is.
    seen_at: Option<Instant>,
    /// When the last successful renewal began.
    renewed_at: Option<Instant>,
}

impl Election {
    /// A candidate that has seen nothing yet.
    pub fn new(identity: String) -> Self {
        Self {
            identity,
            lease: None,
            seen_at: None,
            renewed_at: None,
        }
    }

    /// Who this candidate is.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Who holds the Lease, as far as this candidate knows.
    pub fn holder(&self) -> Option<&str> {
        let spec = self.lease.as_ref()?.spec.as_ref()?;
        spec.holder_identity
            .as_deref()
            .filter(|holder| !holder.is_empty())
    }

    /// Whether this candidate may act.
    pub fn leads(&self, now: Instant) -> bool {
        self.leads_until().is_some_and(|until| now < until)
    }

    /// Until when it may act, unless it renews.
    pub fn leads_until(&self) -> Option<Instant> {
        self.renewed_at.map(|at| at + RENEW_DEADLINE)
    }

    /// The Lease is `lease`, asked for at `asked`.
    pub fn observe(&mut self, lease: Option<Lease>, asked: Instant) {
        let version = |lease: &Option<Lease>| {
            let metadata = lease.as_ref().map(|lease| &lease.metadata);
            metadata.and_then(|metadata| metadata.resource_version.clone())
        };
        if self.seen_at.is_none() || version(&self.lease) != version(&lease) {
            self.seen_at = Some(asked);
        }
        self.lease = lease;
        self.renewed_at = None;
    }

    /// What this candidate wrote, from `began` on, is the Lease now.
    pub fn won(&mut self, lease: Lease, began: Instant) {
        self.observe(Some(lease), began);
        self.renewed_at = Some(began);
    }

    /// Somebody else wrote the Lease. Whether that ends a leadership is seen when it is read.
    pub fn contested(&mut self) {
        self.renewed_at = None;
    }

    /// The Lease to write now: created, renewed or taken over. `None` while somebody else holds it.
    pub fn attempt(&self, now: Instant, wall: Timestamp) -> Option<Lease> {
        let mut lease = self.lease.clone().unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(LEASE.to_owned()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        let spec = lease.spec.get_or_insert_default();
        let held_by_me = self.holder() == Some(self.identity.as_str());
        if !held_by_me {
            if self.holder().is_some() && !self.abandoned(spec, now) {
                return None;
            }
            let transitions = spec.lease_transitions.unwrap_or(0);
            spec.lease_transitions = Some(transitions.saturating_add(i32::from(self.lease.is_some())));
            spec.acquire_time = Some(MicroTime(wall));
            spec.holder_identity = Some(self.identity.clone());
        }
        spec.renew_time = Some(MicroTime(wall));
        spec.lease_duration_seconds = i32::try_from(LEASE_DURATION.as_secs()).ok();
        Some(lease)
    }

    /// The Lease to write in order to let others have it at once.
    pub fn release(&self, wall: Timestamp) -> Option<Lease> {
        let mut lease = self.lease.clone()?;
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime(wall));
        spec.lease_duration_seconds = Some(1);
        Some(lease)
    }

    fn abandoned(&self, spec: &LeaseSpec, now: Instant) -> bool {
        let seconds = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok());
        let duration = seconds.map_or(LEASE_DURATION, Duration::from_secs);
        self.seen_at.is_some_and(|at| now >= at + duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const WALL: Timestamp = Timestamp::UNIX_EPOCH;

    /// An API server with one Lease: a write succeeds if it names the version that is there.
    #[derive(Default)]
    struct Server(Option<Lease>, u64);

    impl Server {
        fn write(&mut self, mut lease: Lease) -> Option<Lease> {
            let there = self
                .0
                .as_ref()
                .and_then(|lease| lease.metadata.resource_version.clone());
            if lease.metadata.resource_version != there {
                return None;
            }
            self.1 += 1;
            lease.metadata.resource_version = Some(self.1.to_string());
            self.0 = Some(lease.clone());
            Some(lease)
        }
    }

    fn start() -> Instant {
        runtime::Clock::system().monotonic()
    }

    /// Reads if it does not lead, then writes what it wants. Whether it leads afterwards.
    fn round(candidate: &mut Election, server: &mut Server, now: Instant) -> bool {
        if !candidate.leads(now) {
            candidate.observe(server.0.clone(), now);
        }
        if let Some(lease) = candidate.attempt(now, WALL) {
            match server.write(lease) {
                Some(lease) => candidate.won(lease, now),
                None => candidate.contested(),
            }
        }
        candidate.leads(now)
    }

    #[test]
    fn the_first_candidate_leads_and_the_second_waits() {
        let (mut server, now) = (Server::default(), start());
        let (mut a, mut b) = (Election::new("a".into()), Election::new("b".into()));
        assert!(round(&mut a, &mut server, now));
        assert!(!round(&mut b, &mut server, now));
        for second in 1..60 {
            let now = now + second * SECOND;
            assert!(round(&mut a, &mut server, now));
            assert!(!round(&mut b, &mut server, now));
        }
    }

    #[test]
    fn who_cannot_renew_stops_well_before_another_takes_over() {
        let (mut server, now) = (Server::default(), start());
        let (mut a, mut b) = (Election::new("a".into()), Election::new("b".into()));
        round(&mut a, &mut server, now);
        round(&mut b, &mut server, now);
        assert!(a.leads(now + RENEW_DEADLINE - SECOND));
        assert!(!a.leads(now + RENEW_DEADLINE));
        assert!(!round(&mut b, &mut server, now + LEASE_DURATION - SECOND));
        assert!(round(&mut b, &mut server, now + LEASE_DURATION));
        let taken = server.0.clone().unwrap().spec.unwrap();
        assert_eq!(taken.lease_transitions, Some(1));
        assert!(!round(&mut a, &mut server, now + LEASE_DURATION));
    }

    #[test]
    fn a_lease_that_is_given_back_is_taken_at_once() {
        let (mut server, now) = (Server::default(), start());
        let (mut a, mut b) = (Election::new("a".into()), Election::new("b".into()));
        round(&mut a, &mut server, now);
        round(&mut b, &mut server, now);
        server.write(a.release(WALL).unwrap()).unwrap();
        assert!(round(&mut b, &mut server, now + SECOND));
    }

    #[test]
    fn of_two_that_write_at_the_same_time_one_leads() {
        let (mut server, now) = (Server::default(), start());
        let (mut a, mut b) = (Election::new("a".into()), Election::new("b".into()));
        a.observe(None, now);
        b.observe(None, now);
        let (first, second) = (a.attempt(now, WALL).unwrap(), b.attempt(now, WALL).unwrap());
        assert!(server.write(first).is_some());
        assert!(server.write(second).is_none());
    }

    #[test]
    fn a_program_that_starts_again_in_the_same_pod_goes_on_leading() {
        let (mut server, now) = (Server::default(), start());
        round(&mut Election::new("a".into()), &mut server, now);
        assert!(round(&mut Election::new("a".into()), &mut server, now + SECOND));
    }

    #[test]
    fn a_leader_whose_lease_was_taken_learns_it_at_the_next_write() {
        let (mut server, now) = (Server::default(), start());
        let mut a = Election::new("a".into());
        round(&mut a, &mut server, now);
        let mut stolen = server.0.clone().unwrap();
        stolen.spec.get_or_insert_default().holder_identity = Some("thief".into());
        server.write(stolen).unwrap();
        assert!(!round(&mut a, &mut server, now + SECOND));
        assert!(!round(&mut a, &mut server, now + 2 * SECOND));
        assert_eq!(a.holder(), Some("thief"));
    }
}

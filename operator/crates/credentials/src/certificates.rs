//! Authorities and serving certificate of one Namespace, and when they are replaced.
//!
//! ```text
//! authority A  |=========================+=====+-----|       signs, signs for the overlap, is trusted for another
//! authority B                            |-----+==================…   is trusted for the overlap, then signs
//!                                        ^ two thirds of A's life, or somebody asked for it: B is created; programs
//!                                          have the overlap to pick up the new bundle
//! serving      |=====+-|  |=====+-|  …   a year each, replaced at two thirds and when another authority signs
//! ```

use std::time::{Duration, SystemTime};

use rcgen::KeyPair;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use crate::authority::{Authority, SERVING_LIFE};
use crate::secret::Secret;
use crate::server_names::ServerNames;
use crate::serving::Serving;
use crate::x509;

/// How long a new authority is only trusted before it signs: time for programs to be restarted with the new bundle.
/// And how long the old one is still trusted afterwards.
const OVERLAP: Duration = Duration::from_secs(90 * 24 * 3600);

/// The authorities that programs have to trust (two of them during a rotation) and the serving certificate.
pub struct Certificates {
    owner: String,
    /// Oldest first; never empty.
    authorities: Vec<Authority>,
    serving: Serving,
}

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was stored is not what [`Certificates`] stores.
    #[error("{0}")]
    Malformed(String),
    /// A key or certificate could not be made.
    #[error("create a certificate: {0}")]
    Create(rcgen::Error),
}

impl Certificates {
    /// A first authority (valid for ten years) and a serving certificate (a year) for `names`. `owner` is the
    /// Namespace's name; it appears in the authority's name.
    ///
    /// # Errors
    /// When a key cannot be made.
    pub fn create(owner: &str, names: &ServerNames, now: SystemTime) -> Result<Self, Error> {
        let authority = Authority::create(owner, now)?;
        let serving = authority.issue(names, now)?;
        Ok(Self {
            owner: owner.to_owned(),
            authorities: vec![authority],
            serving,
        })
    }

    /// What [`Certificates::authorities_pem`] and [`Certificates::serving_pem`] returned earlier. Call
    /// [`Certificates::renew`] before use: it may be old. Without `serving_pem`, a fresh one is issued.
    ///
    /// # Errors
    /// When something does not parse, or keys and certificates do not belong together.
    pub fn load(
        owner: &str,
        authorities_pem: &str,
        serving_pem: Option<&str>,
        names: &ServerNames,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let serving = serving_pem.map(parse_serving).transpose()?;
        Self::assemble(owner, parse_authorities(authorities_pem)?, serving, names, now)
    }

    pub(crate) fn assemble(
        owner: &str,
        authorities: Vec<Authority>,
        serving: Option<Serving>,
        names: &ServerNames,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let serving = serving.map_or_else(|| signer(&authorities, now).issue(names, now), Ok)?;
        Ok(Self {
            owner: owner.to_owned(),
            authorities,
            serving,
        })
    }

    /// Replaces what is due: a serving certificate past two thirds of its life, one that lacks one of `names` or that
    /// is not signed by the authority whose turn it is; an authority past two thirds of its life gets a successor, and
    /// one that has expired or was long succeeded is forgotten. Returns whether anything changed.
    ///
    /// # Errors
    /// When a key cannot be made; nothing has changed then.
    pub fn renew(&mut self, names: &ServerNames, now: SystemTime) -> Result<bool, Error> {
        let successor = match self.newest().validity.renewal() <= now {
            true => Some(Authority::create(&self.owner, now)?),
            false => None,
        };
        let known = self.authorities.len();
        let mut changed = successor.is_some();
        self.authorities.extend(successor);
        if self.serving_is_due(names, now)? {
            match signer(&self.authorities, now).issue(names, now) {
                Ok(serving) => self.serving = serving,
                Err(error) => {
                    self.authorities.truncate(known);
                    return Err(error);
                }
            }
            changed = true;
        }
        let trusted = self.authorities.len();
        self.forget(now)?;
        Ok(changed || self.authorities.len() != trusted)
    }

    /// When [`Certificates::renew`] will next have something to do.
    pub fn next_renewal(&self) -> SystemTime {
        let newest = self.newest();
        let renewal = self.serving.renewal().min(newest.validity.renewal());
        match self.authorities.as_slice() {
            [oldest, _, ..] if self.has_signed_serving(newest).unwrap_or_default() => {
                renewal.min(succeeded(newest)).min(oldest.validity.not_after)
            }
            [_, _, ..] => renewal.min(settled(newest)),
            _ => renewal,
        }
    }

    /// A new serving certificate for `names`, although none is due: somebody asked for it.
    ///
    /// # Errors
    /// When a key cannot be made; nothing has changed then.
    pub fn reissue_serving(&mut self, names: &ServerNames, now: SystemTime) -> Result<(), Error> {
        self.serving = signer(&self.authorities, now).issue(names, now)?;
        Ok(())
    }

    /// A new authority, although none is due: somebody asked for it. It is trusted at once, signs after the overlap
    /// (90 days), and after another one its predecessor is forgotten. One that was added before and has not signed
    /// yet gives way to it.
    ///
    /// # Errors
    /// When a key cannot be made; nothing has changed then.
    pub fn add_authority(&mut self, now: SystemTime) -> Result<(), Error> {
        let authority = Authority::create(&self.owner, now)?;
        let newest = self.newest();
        if self.authorities.len() > 1 && now < settled(newest) && !self.has_signed_serving(newest)? {
            self.authorities.pop();
        }
        self.authorities.push(authority);
        Ok(())
    }

    /// What programs must trust: the certificates of every authority, PEM, no keys.
    pub fn trust_pem(&self) -> String {
        self.authorities.iter().map(Authority::certificate_pem).collect()
    }

    /// What the HTTPS door shows.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// Certificates and private keys of the authorities, to be stored.
    pub fn authorities_pem(&self) -> Secret {
        let part =
            |authority: &Authority| authority.certificate_pem().to_owned() + authority.key_pem().expose();
        Secret::new(self.authorities.iter().map(part).collect::<String>())
    }

    /// Serving certificate and private key, to be stored. One text, so that a crash cannot leave half a pair.
    pub fn serving_pem(&self) -> Secret {
        Secret::new(self.serving.certificate_pem().to_owned() + self.serving.key_pem().expose())
    }

    fn newest(&self) -> &Authority {
        self.authorities
            .last()
            .expect("there is always an authority: parsing and creating make sure of it")
    }

    fn serving_is_due(&self, names: &ServerNames, now: SystemTime) -> Result<bool, Error> {
        if self.serving.renewal() <= now || !self.serving.covers(names)? {
            return Ok(true);
        }
        Ok(!self.has_signed_serving(signer(&self.authorities, now))?)
    }

    fn has_signed_serving(&self, authority: &Authority) -> Result<bool, Error> {
        authority.has_signed(&self.serving.certificate()?)
    }

    /// Forgets authorities that have expired, and those that nothing has been signed by for the overlap.
    fn forget(&mut self, now: SystemTime) -> Result<(), Error> {
        let newest = self.newest();
        let is_succeeded = succeeded(newest) <= now && self.has_signed_serving(newest)?;
        let last = self.authorities.len() - 1;
        let mut index = 0;
        self.authorities.retain(|authority| {
            let is_newest = index == last;
            index += 1;
            now < authority.validity.not_after && (is_newest || !is_succeeded)
        });
        Ok(())
    }
}

/// When programs have had time to pick up an authority.
fn settled(authority: &Authority) -> SystemTime {
    authority.validity.not_before + OVERLAP
}

/// When programs have had time to take note that an authority has taken over.
fn succeeded(authority: &Authority) -> SystemTime {
    settled(authority) + OVERLAP
}

/// The oldest authority that outlives a serving certificate and whose successor is not yet settled; that is the one
/// that programs have trusted longest. The newest one when there is no such authority.
fn signer(authorities: &[Authority], now: SystemTime) -> &Authority {
    let outlives = |authority: &&Authority| now + SERVING_LIFE <= authority.validity.not_after;
    let is_settled = |authority: &&Authority| settled(authority) <= now;
    let mut usable = authorities.iter().filter(outlives);
    let first = usable.next();
    usable
        .rfind(is_settled)
        .or(first)
        .or(authorities.last())
        .expect("there is always an authority: parsing and creating make sure of it")
}

pub(crate) fn parse_authorities(pem: &str) -> Result<Vec<Authority>, Error> {
    let certificates = x509::certificates(pem).map_err(Error::Malformed)?;
    let keys = parse_keys(pem)?;
    if certificates.len() != keys.len() {
        let (certificates, keys) = (certificates.len(), keys.len());
        return Err(Error::Malformed(format!(
            "holds {certificates} certificates but {keys} private keys"
        )));
    }
    certificates
        .into_iter()
        .zip(keys)
        .map(|(certificate, key)| Authority::new(certificate, key))
        .collect()
}

pub(crate) fn parse_serving(pem: &str) -> Result<Serving, Error> {
    let certificate = x509::certificates(pem).map_err(Error::Malformed)?.swap_remove(0);
    let Some(key) = parse_keys(pem)?.pop() else {
        return Err(Error::Malformed("holds no private key".to_owned()));
    };
    Serving::new(&certificate, &key)
}

fn parse_keys(pem: &str) -> Result<Vec<KeyPair>, Error> {
    PrivatePkcs8KeyDer::pem_slice_iter(pem.as_bytes())
        .map(|key| {
            let key = key.map_err(|cause| Error::Malformed(format!("not PEM: {cause}")))?;
            KeyPair::try_from(&key).map_err(|cause| Error::Malformed(format!("private key: {cause}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

    fn start() -> SystemTime {
        UNIX_EPOCH + 57 * YEAR
    }

    fn names() -> ServerNames {
        ServerNames::new(["localhost", "127.0.0.1", "::1"]).unwrap()
    }

    fn fresh() -> Certificates {
        Certificates::create("shop", &names(), start()).unwrap()
    }

    fn reload(certificates: &Certificates) -> Certificates {
        let (authorities, serving) = (certificates.authorities_pem(), certificates.serving_pem());
        Certificates::load(
            "shop",
            authorities.expose(),
            Some(serving.expose()),
            &names(),
            start(),
        )
        .unwrap()
    }

    fn is_trusted(certificates: &Certificates) -> bool {
        let leaf = certificates.serving.certificate().unwrap();
        let trusted = x509::certificates(&certificates.trust_pem()).unwrap();
        trusted
            .iter()
            .any(|authority| x509::is_signed_by(&leaf, authority).unwrap())
    }

    #[test]
    fn fresh_certificates_need_no_renewal_and_survive_being_stored() {
        let mut loaded = reload(&fresh());
        assert!(!loaded.renew(&names(), start() + YEAR / 2).unwrap());
        assert!(is_trusted(&loaded));
        assert!(!loaded.trust_pem().contains("PRIVATE KEY"));
    }

    #[test]
    fn a_serving_certificate_is_replaced_after_two_thirds_of_its_life_by_the_same_authority() {
        let mut certificates = fresh();
        let (before, trust) = (certificates.serving.clone(), certificates.trust_pem());
        assert!(certificates.next_renewal() < start() + YEAR * 7 / 10);
        assert!(certificates.renew(&names(), start() + YEAR * 7 / 10).unwrap());
        assert_ne!(certificates.serving, before);
        assert_eq!(certificates.trust_pem(), trust);
        assert!(is_trusted(&certificates));
    }

    #[test]
    fn a_name_that_the_certificate_lacks_brings_a_new_certificate() {
        let more = ServerNames::new(["localhost", "192.0.2.7"]).unwrap();
        let mut certificates = fresh();
        assert!(certificates.renew(&more, start()).unwrap());
        assert!(certificates.serving.covers(&more).unwrap());
        let fewer = ServerNames::new(["localhost"]).unwrap();
        assert!(!certificates.renew(&fewer, start()).unwrap());
    }

    #[test]
    fn programs_that_trust_only_the_old_authority_go_on_for_the_overlap() {
        let mut certificates = fresh();
        let rotation = start() + 7 * YEAR;
        let old = x509::certificates(&certificates.trust_pem())
            .unwrap()
            .swap_remove(0);
        assert!(certificates.renew(&names(), rotation).unwrap());
        assert_eq!(x509::certificates(&certificates.trust_pem()).unwrap().len(), 2);
        let leaf = certificates.serving.certificate().unwrap();
        assert!(x509::is_signed_by(&leaf, &old).unwrap());

        assert!(certificates.renew(&names(), rotation + YEAR * 7 / 10).unwrap());
        let leaf = certificates.serving.certificate().unwrap();
        assert!(!x509::is_signed_by(&leaf, &old).unwrap());
        assert!(is_trusted(&certificates));
    }

    #[test]
    fn an_authority_that_expired_is_forgotten_even_after_a_long_sleep() {
        let mut certificates = fresh();
        assert!(certificates.renew(&names(), start() + 7 * YEAR).unwrap());
        assert!(certificates.renew(&names(), start() + 11 * YEAR).unwrap());
        assert_eq!(x509::certificates(&certificates.trust_pem()).unwrap().len(), 1);
        assert!(is_trusted(&certificates));
        assert!(certificates.renew(&names(), start() + 60 * YEAR).unwrap());
        assert!(is_trusted(&certificates));
        assert!(certificates.serving.not_after() > start() + 60 * YEAR);
    }

    #[test]
    fn a_serving_certificate_that_was_asked_for_is_signed_by_the_same_authority() {
        let mut certificates = fresh();
        let (before, trust) = (certificates.serving.clone(), certificates.trust_pem());
        certificates.reissue_serving(&names(), start() + DAY).unwrap();
        assert_ne!(certificates.serving, before);
        assert_eq!(certificates.trust_pem(), trust);
        assert!(is_trusted(&certificates));
        assert!(!certificates.renew(&names(), start() + DAY).unwrap());
    }

    #[test]
    fn an_authority_that_was_asked_for_is_trusted_then_signs_then_stands_alone() {
        let mut certificates = fresh();
        let old = x509::certificates(&certificates.trust_pem())
            .unwrap()
            .swap_remove(0);
        let serving = certificates.serving.clone();
        certificates.add_authority(start()).unwrap();
        assert_eq!(certificates.trust_pem().matches("BEGIN").count(), 2);
        let mut certificates = reload(&certificates);
        assert!(!certificates.renew(&names(), start() + DAY).unwrap());
        assert_eq!(certificates.serving, serving);

        let takes_over = certificates.next_renewal();
        assert!(takes_over > start() + 80 * DAY && takes_over <= start() + OVERLAP);
        assert!(!certificates.renew(&names(), takes_over - DAY).unwrap());
        assert!(certificates.renew(&names(), takes_over).unwrap());
        let leaf = certificates.serving.certificate().unwrap();
        assert!(!x509::is_signed_by(&leaf, &old).unwrap());
        assert_eq!(certificates.trust_pem().matches("BEGIN").count(), 2);

        let stands_alone = certificates.next_renewal();
        assert_eq!(stands_alone, takes_over + OVERLAP);
        assert!(certificates.renew(&names(), stands_alone).unwrap());
        assert_eq!(certificates.trust_pem().matches("BEGIN").count(), 1);
        assert!(is_trusted(&certificates));
        assert!(certificates.next_renewal() > stands_alone);
    }

    #[test]
    fn however_often_somebody_asks_for_an_authority_only_two_are_trusted() {
        let mut certificates = fresh();
        for day in 0..5 {
            certificates.add_authority(start() + day * DAY).unwrap();
            assert_eq!(certificates.trust_pem().matches("BEGIN").count(), 2);
            assert!(is_trusted(&certificates));
        }
    }

    #[test]
    fn renewing_when_it_is_due_always_moves_the_next_renewal_on() {
        let mut certificates = fresh();
        let mut now = start();
        for step in 0..60 {
            if step % 7 == 3 {
                certificates.add_authority(now).unwrap();
            }
            let next = certificates.next_renewal();
            assert!(next > now, "step {step}");
            now = next;
            assert!(certificates.renew(&names(), now).unwrap(), "step {step}");
            assert!(is_trusted(&certificates) && certificates.authorities.len() <= 3);
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (one, other) = (fresh(), fresh());
        let mixed = one.serving.certificate_pem().to_owned() + other.serving.key_pem().expose();
        let authorities = one.authorities_pem();
        let loaded = Certificates::load("shop", authorities.expose(), Some(&mixed), &names(), start());
        let error = loaded.err().unwrap().to_string();
        assert!(error.contains("does not belong"), "{error}");
    }
}

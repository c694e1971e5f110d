//! Authorities and serving certificate of one Namespace, and when they are replaced.
//!
//! ```text
//! authority A  |=========================+------------|          trusted until it expires, signs while A is settled
//! authority B                            |=========================+------------|
//!                                        ^ two thirds of A's life: B is created and trusted; A goes on signing
//!                                          for the overlap, so that programs can pick up the new bundle
//! serving      |=====+-|  |=====+-|  …   a year each, replaced at two thirds, signed by the settled authority
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
    /// no authority of ours signed; an authority past two thirds of its life gets a successor, and one that has
    /// expired is forgotten. Returns whether anything changed.
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
        self.authorities
            .retain(|authority| now < authority.validity.not_after);
        Ok(changed || self.authorities.len() != trusted)
    }

    /// When [`Certificates::renew`] will next have something to do.
    pub fn next_renewal(&self) -> SystemTime {
        self.serving.renewal().min(self.newest().validity.renewal())
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
        let certificate = self.serving.certificate()?;
        for authority in self
            .authorities
            .iter()
            .filter(|authority| now < authority.validity.not_after)
        {
            if authority.has_signed(&certificate)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The oldest authority that outlives a serving certificate and whose successor is not yet settled; that is the one
/// that programs have trusted longest. The newest one when there is no such authority.
fn signer(authorities: &[Authority], now: SystemTime) -> &Authority {
    let outlives = |authority: &&Authority| now + SERVING_LIFE <= authority.validity.not_after;
    let settled = |authority: &&Authority| authority.validity.not_before + OVERLAP <= now;
    let mut usable = authorities.iter().filter(outlives);
    let first = usable.next();
    usable
        .rfind(settled)
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
    fn a_key_of_another_certificate_is_refused() {
        let (one, other) = (fresh(), fresh());
        let mixed = one.serving.certificate_pem().to_owned() + other.serving.key_pem().expose();
        let authorities = one.authorities_pem();
        let loaded = Certificates::load("shop", authorities.expose(), Some(&mixed), &names(), start());
        let error = loaded.err().unwrap().to_string();
        assert!(error.contains("does not belong"), "{error}");
    }
}

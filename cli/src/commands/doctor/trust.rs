//! Whether programs believe that it is the Namespace who answers.

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use super::ports::Open;
use super::report::Report;
use super::stores::{self, Store};
use super::target::Target;
use super::tls;
use crate::failure::Failure;

/// When to say that a certificate ends soon: it is renewed long before.
const SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// Looks at the certificates of all doors with TLS, and at the stores by which the first one may be believed. Returns the
/// file by which it is; none stands for the system's roots.
pub(super) fn check(
    target: &Target,
    open: &[Open],
    now: Timestamp,
    report: &mut Report,
) -> Result<Option<PathBuf>, Failure> {
    let stores = stores::all(target);
    let mut believed = None;
    for open in open.iter().filter(|open| open.door.has_tls) {
        let check = format!("TLS {}", open.door.name);
        let chain = match tls::open(open) {
            Ok(session) => session.chain,
            Err(cause) => {
                report.problem(
                    &check,
                    format!("no TLS connection with {}: {cause}", open.door),
                    "check that nothing stands between (a proxy, a port-forward to a port without TLS)",
                )?;
                continue;
            }
        };
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let verify = |store: &Store| store.verify(&chain, &open.door.host, seconds);
        let verdicts: Vec<_> = stores.iter().map(|store| (store, verify(store))).collect();
        say_whole(target, &check, &chain, &verdicts, now, report)?;
        if believed.is_none() {
            verdicts
                .iter()
                .try_for_each(|(store, verdict)| say_store(target, store, verdict, report))?;
            let store = verdicts.iter().find(|(_, verdict)| verdict.is_ok());
            believed = Some(store.map(|(store, _)| store.file.clone()));
        }
    }
    match believed {
        Some(Some(file)) => Ok(file),
        Some(None) => Ok(target.roots.clone()),
        None => {
            report.skipped("TLS", "no door with TLS answers")?;
            Ok(target.roots.clone())
        }
    }
}

/// About the certificate itself.
fn say_whole(
    target: &Target,
    check: &str,
    chain: &[CertificateDer<'_>],
    verdicts: &[(&Store, Result<(), String>)],
    now: Timestamp,
    report: &mut Report,
) -> Result<(), Failure> {
    if let Some((_, first)) = verdicts
        .iter()
        .find(|(_, verdict)| verdict.is_ok())
        .or(verdicts.first())
        && let Err(why) = first
    {
        return report.problem(
            check,
            format!("nothing that is looked at here believes the certificate: {why}"),
            match target.is_local {
                true => "run programs through `weft exec`; after --listen or spec.tls.dnsNames changed, `weft dev` makes another certificate at its next start",
                false => "mount the ConfigMap NAME-trust and set SSL_CERT_FILE to its bundle.pem, or label the pod with weft.dev/connect; names beside the Service's own go into spec.tls.dnsNames",
            },
        );
    }
    let Some(end) = chain.first().and_then(end) else {
        return report.ok(check, "the certificate is valid");
    };
    match end.duration_since(now) < jiff::SignedDuration::try_from(SOON).unwrap_or_default() {
        true => report.note(
            check,
            format!("the certificate ends soon, at {end}"),
            "it should have been renewed: look at the log of `weft dev` or of the operator",
        ),
        false => report.ok(check, format!("the certificate is valid until {end}")),
    }
}

fn end(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let examination = credentials::examine(&credentials::certificate_pem(certificate)).ok()?;
    let since_epoch = examination.not_after().duration_since(UNIX_EPOCH).ok()?;
    Timestamp::from_second(i64::try_from(since_epoch.as_secs()).ok()?).ok()
}

/// About one place where programs look.
fn say_store(
    target: &Target,
    store: &Store,
    verdict: &Result<(), String>,
    report: &mut Report,
) -> Result<(), Failure> {
    let Store { name, readers, .. } = store;
    let file = store
        .file
        .as_ref()
        .map(|file| format!(" ({})", file.display()))
        .unwrap_or_default();
    match verdict {
        Ok(()) => report.ok("trust", format!("{name}{file}: trusts it ({readers})")),
        // An authority of one's own is in nobody's list; the settings are there for that.
        Err(_) if store.file.is_none() => report.note(
            "trust",
            format!("{name}: the Namespace's authority is not among them ({readers})"),
            "only needed by programs that look nowhere else: Java takes -Djavax.net.ssl.trustStore; Python's AMQP clients \
             need the folder `python` of the bundle on PYTHONPATH",
        ),
        // Programs are given another, by `weft exec` or where they run.
        Err(why) if !target.is_environment && store.file != target.roots => report.note(
            "trust",
            format!("{name}{file}: {why} ({readers})"),
            "only needed by programs that are started here without `weft exec`: set it to the bundle",
        ),
        Err(why) => report.problem(
            "trust",
            format!("{name}{file}: {why} ({readers})"),
            "set it to the bundle.pem of the ConfigMap NAME-trust",
        ),
    }
}

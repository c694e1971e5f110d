//! `weft-operator`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use kube::{Client, Config};
use operator::apply::{Applier, Requests};
use operator::args::Args;
use operator::cache::{Caches, Extent, Watches};
use operator::events::Events;
use operator::leader::{self, Candidate, Leadership};
use operator::metrics::Metrics;
use operator::outbox::{Outbox, Parts};
use operator::reconcile::{self, Dispatch, Planes, Reconciler, Settings};
use operator::release::Release;
use runtime::metrics::Registry;
use runtime::{Clock, Operations, TaskScope};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Longest that a connection to the API server may take to come up.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest silence on a connection: a little more than a watch lasts.
const SILENCE: Duration = Duration::from_secs(300);
/// Longest that the API server may take to accept a request's bytes.
const SEND: Duration = Duration::from_secs(30);
/// How long statuses that are decided may still be written when the process has to end.
const FLUSH: Duration = Duration::from_secs(2);
/// How long each group of tasks may take to end then.
const STOP: Duration = Duration::from_millis(800);

fn main() -> ExitCode {
    let args = Args::parse();
    if let Err(error) = args.init_logs() {
        eprintln!("weft-operator: {error}");
        return ExitCode::from(64);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = runtime
        .context("start the runtime")
        .and_then(|runtime| runtime.block_on(operate(args)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "weft-operator cannot go on");
            ExitCode::FAILURE
        }
    }
}

async fn operate(args: Args) -> anyhow::Result<()> {
    let (clock, registry) = (Clock::system(), Registry::default());
    let metrics = Metrics::register(&registry);
    let (root, elections) = (TaskScope::root(), TaskScope::root());
    let (ready, is_ready) = watch::channel(false);
    let listener = TcpListener::bind(args.listen_operations).await;
    let listener = listener.with_context(|| format!("listen on {}", args.listen_operations))?;
    Operations::new(is_ready, move || registry.encode()).open(listener, &root);

    let client = client().await?;
    let candidate = Candidate {
        namespace: args
            .lease_namespace
            .clone()
            .unwrap_or_else(|| client.default_namespace().to_owned()),
        identity: args.identity.clone(),
    };
    let (leading, leads) = watch::channel(false);
    let leadership = Leadership::following(leads);

    let extent = Extent::of(&args.watch_namespaces);
    let caches = Arc::new(Caches::default());
    let dispatch = Dispatch::new(clock.clone(), metrics.clone());
    let (marker, later) = (dispatch.clone(), dispatch.clone());
    let changed: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(move |namespace: &str| marker.mark(namespace));
    let watches = Watches {
        client: &client,
        extent: &extent,
        caches: &caches,
        changed,
        metrics: &metrics,
        scope: &root,
    };
    let synced = watches.start();

    let requests = Requests::new(leadership.clone(), metrics.clone());
    let applier = Applier::new(client.clone(), caches.clone(), requests.clone());
    let outbox = Outbox::new(Parts {
        client: client.clone(),
        caches: caches.clone(),
        applier: applier.clone(),
        requests: requests.clone(),
        metrics: metrics.clone(),
        later: Arc::new(move |namespace: &str, wait| later.mark_in(namespace, wait)),
    });
    let writers = TaskScope::root();
    writers.spawn("outbox workers", outbox.clone().run(writers.clone()));
    let events = Events::start(
        client.clone(),
        &args.identity,
        leadership.clone(),
        metrics.clone(),
        &writers,
    );
    let reconciler = Arc::new(Reconciler {
        client: client.clone(),
        caches,
        requests,
        applier,
        outbox: outbox.clone(),
        events,
        settings: Settings {
            release: Release {
                version: args.release_version,
                image: args.image,
            },
            cluster_domain: args.cluster_domain,
        },
        clock: clock.clone(),
        metrics,
        planes: Planes::default(),
    });

    let work = root.child("work");
    let terms = work.clone();
    work.spawn("lead", async move {
        tokio::select! {
            () = synced.all() => {}
            () = terms.cancelled() => return,
        }
        tracing::info!("caches are synced");
        ready.send_replace(true);
        reconcile::lead(reconciler, dispatch, extent, leadership, terms).await;
        // Readiness is told until the process ends.
        drop(ready);
    });
    elections.spawn(
        "election",
        leader::run(client, candidate, clock, leading, elections.clone()),
    );

    stop_signal().await?;
    tracing::info!("stopping");
    let mut late = work.shutdown(STOP).await;
    let flushed = tokio::time::timeout(FLUSH, outbox.flushed()).await;
    if flushed.is_err() {
        tracing::warn!("some statuses were not written any more: the next leader writes them");
    }
    late.extend(writers.shutdown(STOP).await);
    late.extend(elections.shutdown(FLUSH).await);
    late.extend(root.shutdown(STOP).await);
    if !late.is_empty() {
        tracing::warn!(?late, "tasks did not end in time");
    }
    Ok(())
}

async fn client() -> anyhow::Result<Client> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // An error says that there is one already, which is as good.
    drop(provider.install_default());
    let mut config = Config::infer()
        .await
        .context("find out how to reach the API server")?;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    config.write_timeout = Some(SEND);
    // Whoever made a request knows better when to repeat it.
    config.default_retry = false;
    Client::try_from(config).context("prepare to talk to the API server")
}

async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

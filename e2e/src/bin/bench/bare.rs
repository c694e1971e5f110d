//! The bound for one event per request: a hyper handler that does nothing but await a group commit. It runs as a process
//! of its own (this program in another role), so that its CPU is counted like the product's.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::group_commit::GroupCommit;

/// The first argument that turns this program into the server.
pub(crate) const ROLE: &str = "bare-server";

/// Serves until it is killed.
pub(crate) fn serve(port: u16, file: &Path) -> anyhow::Result<()> {
    let log = GroupCommit::open(file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("build a runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .context("listen")?;
        loop {
            let (stream, _) = listener.accept().await.context("accept")?;
            stream.set_nodelay(true).context("set no delay")?;
            let log = log.clone();
            let service = service_fn(move |request| answer(log.clone(), request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

async fn answer(log: GroupCommit, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Ok(body) = request.into_body().collect().await {
        log.append(body.to_bytes()).await;
    }
    Ok(Response::new(Full::new(Bytes::from_static(b"{}"))))
}

/// A running server, ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("create a folder")?;
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
        let address = free.local_addr().context("read the port")?;
        drop(free);
        let mut command = Command::new(std::env::current_exe().context("find this program")?);
        command
            .arg(ROLE)
            .arg(address.port().to_string())
            .arg(folder.path().join("log"));
        let process = command.spawn().context("start the bare server")?;
        let server = Self {
            process,
            address,
            _folder: folder,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                bail!("the bare server does not answer");
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

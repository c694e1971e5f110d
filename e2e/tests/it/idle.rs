//! Clients that hold on to what they were given.

use std::{
    io::Read,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use e2e::{
    Weft,
    eventgrid::{Settlement, event},
    http::Connection,
    manifests::Manifests,
    procfs,
};

const CONNECTIONS: usize = 5_000;

/// Memory per idle connection that has never spoken, in a debug build; the kernel's buffers are not the process's.
const BYTES_PER_IDLE_CONNECTION: u64 = 16 * 1024;

fn server() -> Weft {
    let manifests = Manifests::new("1Gi")
        .topic("orders")
        .subscription("orders", "billing", "");
    Weft::start(manifests.yaml()).expect("weft starts")
}

/// Publishes, receives and acknowledges one event; returns how long that took.
fn round_trip(weft: &Weft) -> Duration {
    let start = Instant::now();
    let mut client = weft.client().expect("a client");
    client.publish("orders", &[event("1")]).expect("published");
    let deliveries = client.receive("orders", "billing", 10).expect("received");
    assert_eq!(deliveries.len(), 1);
    let tokens = [deliveries[0].lock_token.as_str()];
    let settled = client
        .settle("orders", "billing", Settlement::Acknowledge, tokens)
        .expect("settled");
    assert_eq!(settled.succeeded, tokens);
    start.elapsed()
}

#[test]
fn five_thousand_idle_connections_cost_little_and_keep_nobody_out() {
    let limit = procfs::raise_open_files_limit().expect("the limit is raised");
    assert!(
        limit > CONNECTIONS as u64 + 1_000,
        "this machine allows only {limit} open files (ulimit -Hn)"
    );
    let weft = server();
    round_trip(&weft);
    let before = procfs::anonymous_bytes(weft.pid()).expect("its memory");
    let idle: Vec<_> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(weft.http_address()).expect("connected"))
        .collect();
    assert!(round_trip(&weft) < Duration::from_secs(2));
    let grown = procfs::anonymous_bytes(weft.pid())
        .expect("its memory")
        .saturating_sub(before);
    assert!(
        grown < CONNECTIONS as u64 * BYTES_PER_IDLE_CONNECTION,
        "{CONNECTIONS} idle connections took {grown} bytes"
    );
    let open = idle.iter().filter(|connection| is_open(connection)).count();
    assert_eq!(open, CONNECTIONS, "none was closed before its time");
    drop(idle);
    assert!(round_trip(&weft) < Duration::from_secs(2));
}

fn is_open(mut connection: &TcpStream) -> bool {
    connection.set_nonblocking(true).expect("non-blocking");
    matches!(connection.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn a_slow_client_is_turned_away_in_time_and_others_do_not_notice() {
    let weft = server();
    let key = weft.key().expect("a key");
    let head = format!(
        "POST /topics/orders:publish HTTP/1.1\r\nhost: x\r\naeg-sas-key: {key}\r\n\
         content-type: application/cloudevents+json\r\ncontent-length: 100000\r\n\r\n"
    );
    thread::scope(|scope| {
        // One byte of the head per half second, and a head at once with a body of one byte per half second.
        let slow_heads: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| drip(&weft, "POST / HTTP/1.1\r\nhost: x")))
            .collect();
        let slow_bodies: Vec<_> = (0..20).map(|_| scope.spawn(|| drip(&weft, &head))).collect();
        for _ in 0..20 {
            assert!(round_trip(&weft) < Duration::from_secs(1));
            thread::sleep(Duration::from_millis(100));
        }
        for slow in slow_heads {
            let lasted = slow.join().expect("a slow client does not panic");
            assert!(
                lasted < Duration::from_secs(35),
                "a head may take 20 s, this one took {lasted:?}"
            );
        }
        for slow in slow_bodies {
            let lasted = slow.join().expect("a slow client does not panic");
            assert!(
                lasted < Duration::from_secs(75),
                "a body may take 60 s, this one took {lasted:?}"
            );
        }
    });
}

/// Sends `start` and then a byte per half second until the server gives up; returns how long it took that.
fn drip(weft: &Weft, start: &str) -> Duration {
    let begin = Instant::now();
    let mut connection = Connection::open(weft.http_address()).expect("connected");
    connection.send_raw(start.as_bytes()).expect("sent");
    connection
        .socket()
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a timeout");
    loop {
        match connection.socket().read(&mut [0; 512]) {
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) => {}
            // An answer (408) or the end.
            Ok(_) | Err(_) => return begin.elapsed(),
        }
        if connection.send_raw(b"x").is_err() || begin.elapsed() > Duration::from_secs(120) {
            return begin.elapsed();
        }
    }
}

//! Peers of AMQP that mean no good, and many that mean nothing at all.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use amqp::{
    Condition, Performative, Symbol, Value,
    frame::{self, Frame, ProtocolHeader, SaslFrame},
    performative::{
        Attach, Begin, Open, ReceiverSettleMode, Role, SaslInit, SenderSettleMode, Source, Target, Transfer,
    },
};
use bytes::{Bytes, BytesMut};
use e2e::{
    Weft,
    eventhubs::{Client, Door, Mode, NewEvent, Position, Request, Sdk},
    manifests::Manifests,
    procfs,
    random::Random,
};

const HUB: &str = "telemetry";
const CONNECTIONS: usize = 5_000;

/// Memory per open connection that says nothing, in a debug build.
const BYTES_PER_IDLE_CONNECTION: u64 = 24 * 1024;

/// From the first byte to the open a client has 30 seconds.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);

fn server() -> Weft {
    let manifests = Manifests::new("1Gi").hub(HUB, 2, &[]);
    Weft::start(manifests.yaml()).expect("weft starts")
}

/// Without TLS: the second port after HTTP's.
fn door(weft: &Weft) -> SocketAddr {
    let http = weft.http_address();
    SocketAddr::new(http.ip(), http.port() + 2)
}

/// An SDK sends an event and receives it.
fn round_trip(weft: &Weft) -> Duration {
    let mut client = Client::start(weft, Sdk::Go, Door::Plain, HUB).expect("a client");
    let start = Instant::now();
    let request = Request::send(Mode::Batch, vec![NewEvent::text("one")]).to_partition("1");
    client.run(&request).expect("an answer").ok().expect("sent");
    let request = Request::receive("1", Position::Earliest, 1);
    let lines = client.run(&request).expect("an answer").ok().expect("received");
    assert_eq!(lines.events().len(), 1);
    start.elapsed()
}

/// A peer that writes frames.
struct Peer {
    socket: TcpStream,
    input: BytesMut,
}

impl Peer {
    /// SASL and the open, in one piece.
    fn open(address: SocketAddr) -> Self {
        let mut peer = Self {
            socket: TcpStream::connect(address).expect("connected"),
            input: BytesMut::new(),
        };
        let mut out = BytesMut::from(&ProtocolHeader::Sasl.bytes()[..]);
        let init = SaslInit {
            mechanism: Symbol::from_static("ANONYMOUS"),
            initial_response: None,
            hostname: None,
        };
        frame::write_sasl(&SaslFrame::Init(init), &mut out);
        out.extend_from_slice(&ProtocolHeader::Amqp.bytes());
        let open = Open {
            container_id: "nobody".into(),
            hostname: Some("localhost".into()),
            max_frame_size: 65_536,
            channel_max: u16::MAX,
            idle_time_out: None,
            outgoing_locales: vec![],
            incoming_locales: vec![],
            offered_capabilities: vec![],
            desired_capabilities: vec![],
            properties: vec![],
        };
        frame::write(0, &Performative::Open(Box::new(open)), &[], &mut out);
        peer.socket.write_all(&out).expect("written");
        peer.until(|performative| matches!(performative, Performative::Open(_)));
        peer
    }

    fn say(&mut self, channel: u16, performative: &Performative) {
        let mut out = BytesMut::new();
        frame::write(channel, performative, &[], &mut out);
        // The other side may have left; what it said before is still to be read.
        let _ = self.socket.write_all(&out);
    }

    /// Reads until one of these comes.
    fn until(&mut self, is: impl Fn(&Performative) -> bool) -> Performative {
        let patience = Some(Duration::from_secs(20));
        self.socket.set_read_timeout(patience).expect("a timeout");
        loop {
            if let Ok(Some(_)) = ProtocolHeader::read(&mut self.input) {
                continue;
            }
            match frame::read(&mut self.input, u32::MAX).expect("a frame") {
                Some(Frame::Amqp { performative, .. }) if is(&performative) => return performative,
                Some(_) => continue,
                None => {}
            }
            let mut buffer = [0; 4096];
            let length = self.socket.read(&mut buffer).expect("an answer in time");
            assert!(length > 0, "the connection was closed without a word");
            self.input.extend_from_slice(&buffer[..length]);
        }
    }

    /// The condition with which the connection is closed.
    fn closed_with(&mut self) -> Condition {
        match self.until(|performative| matches!(performative, Performative::Close(_))) {
            Performative::Close(close) => close.error.expect("a reason").condition,
            other => panic!("{other:?}"),
        }
    }
}

fn begin() -> Performative {
    Performative::Begin(Box::new(Begin {
        remote_channel: None,
        next_outgoing_id: 0,
        incoming_window: 100,
        outgoing_window: 100,
        handle_max: u32::MAX,
        offered_capabilities: vec![],
        desired_capabilities: vec![],
        properties: vec![],
    }))
}

fn attach(handle: u32) -> Performative {
    Performative::Attach(Box::new(Attach {
        name: format!("link-{handle}"),
        handle,
        role: Role::Sender,
        snd_settle_mode: SenderSettleMode::default(),
        rcv_settle_mode: ReceiverSettleMode::default(),
        source: Some(Source::default()),
        target: Some(Target {
            address: Some("$cbs".into()),
            ..Target::default()
        }),
        is_coordinator: false,
        unsettled: Value::Null,
        incomplete_unsettled: false,
        initial_delivery_count: Some(0),
        max_message_size: None,
        offered_capabilities: vec![],
        desired_capabilities: vec![],
        properties: vec![],
    }))
}

/// True once the other side has closed.
fn is_closed_within(mut socket: TcpStream, deadline: Duration) -> bool {
    let start = Instant::now();
    let mut buffer = [0; 4096];
    while let Some(left) = deadline
        .checked_sub(start.elapsed())
        .filter(|left| !left.is_zero())
    {
        socket.set_read_timeout(Some(left)).expect("a timeout");
        match socket.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            Err(_) => return true,
        }
    }
    false
}

#[test]
fn five_thousand_open_connections_of_amqp_cost_little_and_keep_nobody_out() {
    let limit = procfs::raise_open_files_limit().expect("the limit is raised");
    assert!(
        limit > CONNECTIONS as u64 + 1_000,
        "only {limit} open files (ulimit -Hn)"
    );
    let weft = server();
    round_trip(&weft);
    let before = procfs::anonymous_bytes(weft.pid()).expect("its memory");
    let idle: Vec<Peer> = (0..CONNECTIONS).map(|_| Peer::open(door(&weft))).collect();
    let grown = procfs::anonymous_bytes(weft.pid())
        .expect("its memory")
        .saturating_sub(before);
    println!("{} bytes for each connection", grown / CONNECTIONS as u64);
    assert!(
        grown < CONNECTIONS as u64 * BYTES_PER_IDLE_CONNECTION,
        "{CONNECTIONS} open connections took {grown} bytes"
    );
    assert!(round_trip(&weft) < Duration::from_secs(5));
    drop(idle);
    assert!(round_trip(&weft) < Duration::from_secs(5));
}

#[test]
fn floods_are_answered_with_their_condition() {
    let weft = server();
    let mut handles = Peer::open(door(&weft));
    handles.say(0, &begin());
    for handle in 0..=256 {
        handles.say(0, &attach(handle));
    }
    assert_eq!(handles.closed_with(), Condition::FRAMING_ERROR);

    let mut channels = Peer::open(door(&weft));
    for channel in 0..=1_024 {
        channels.say(channel, &begin());
    }
    let ended = channels.until(|performative| matches!(performative, Performative::End(_)));
    let Performative::End(end) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(
        end.error.expect("a reason").condition,
        Condition::RESOURCE_LIMIT_EXCEEDED
    );

    let mut foreign = Peer::open(door(&weft));
    foreign.say(0, &begin());
    let transfer = Transfer {
        handle: 7,
        delivery_id: Some(0),
        delivery_tag: Some(Bytes::from_static(b"x")),
        ..Transfer::default()
    };
    foreign.say(0, &Performative::Transfer(transfer));
    let ended = foreign.until(|performative| matches!(performative, Performative::End(_)));
    let Performative::End(end) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(
        end.error.expect("a reason").condition,
        Condition::UNATTACHED_HANDLE
    );

    let mut large = Peer::open(door(&weft));
    large
        .socket
        .write_all(&[0, 2, 0, 0, 2, 0, 0, 0])
        .expect("the head of a frame of 128 KiB is written");
    assert_eq!(large.closed_with(), Condition::FRAMING_ERROR);
    round_trip(&weft);
}

#[test]
fn garbage_and_half_open_connections_end_and_harm_nobody() {
    let weft = server();
    let seed = Random::new_seed();
    println!("seed {seed}");
    let mut random = Random::from_seed(seed);
    // Protocols that others speak.
    for words in [
        &b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"[..],
        b"AMQP\x00\x00\x09\x01",
        b"AMQP\x02\x01\x00\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let mut socket = TcpStream::connect(door(&weft)).expect("connected");
        socket.write_all(words).expect("written");
        assert!(is_closed_within(socket, Duration::from_secs(10)), "{words:?}");
    }
    // Frames of noise, behind an open that is in order.
    for _ in 0..200 {
        let mut peer = Peer::open(door(&weft));
        let length = 8 + random.below(200);
        let mut noise: Vec<u8> = (0..length)
            .map(|_| u8::try_from(random.below(256)).expect("a byte"))
            .collect();
        noise[..4].copy_from_slice(&u32::try_from(length).expect("short").to_be_bytes());
        noise[4..6].copy_from_slice(&[2, 0]);
        let _ = peer.socket.write_all(&noise);
    }
    let halves: Vec<_> = [&b""[..], b"AM", b"AMQP\x03\x01\x00\x00"]
        .into_iter()
        .map(|half| {
            let mut socket = TcpStream::connect(door(&weft)).expect("connected");
            socket.write_all(half).expect("written");
            socket
        })
        .collect();
    round_trip(&weft);
    for half in halves {
        assert!(is_closed_within(half, OPEN_DEADLINE + Duration::from_secs(10)));
    }
}

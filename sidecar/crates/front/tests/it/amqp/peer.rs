//! A client of AMQP that says what it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use amqp::frame::{self, Frame, ProtocolHeader, SaslFrame};
use amqp::message::{Body, Message, MessageId, Properties};
use amqp::performative::{
    Attach, Begin, Detach, Disposition, Flow, Open, ReceiverSettleMode, Role, SaslCode, SaslInit,
    SenderSettleMode, Source, Target, Transfer,
};
use amqp::{Described, Fields, Performative, Symbol, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing in these tests takes that long.
const PATIENCE: Duration = Duration::from_secs(10);
const FRAME_MAX: u32 = 1 << 20;
/// What fits into a frame that the broker reads.
const PART: usize = 60 << 10;

/// One connection with one session on channel 0.
pub(crate) struct Peer<S = TcpStream> {
    socket: S,
    input: BytesMut,
    handles: u32,
    deliveries: u32,
}

/// What came on a link.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) message: Message,
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut peer = Self::over(socket);
        assert_eq!(peer.authenticate("ANONYMOUS", b"").await, SaslCode::Ok);
        peer.open().await;
        peer
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) fn over(socket: S) -> Self {
        Self {
            socket,
            input: BytesMut::new(),
            handles: 0,
            deliveries: 0,
        }
    }

    pub(crate) async fn authenticate(&mut self, mechanism: &'static str, response: &[u8]) -> SaslCode {
        let mut out = BytesMut::from(&ProtocolHeader::Sasl.bytes()[..]);
        let init = SaslInit {
            mechanism: Symbol::from_static(mechanism),
            initial_response: Some(Bytes::copy_from_slice(response)),
            hostname: Some("localhost".to_owned()),
        };
        frame::write_sasl(&SaslFrame::Init(init), &mut out);
        self.write(&out).await;
        self.header(ProtocolHeader::Sasl).await;
        assert!(matches!(
            self.frame().await,
            Frame::Sasl(SaslFrame::Mechanisms(_))
        ));
        match self.frame().await {
            Frame::Sasl(SaslFrame::Outcome(outcome)) => outcome.code,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn open(&mut self) {
        let mut out = BytesMut::from(&ProtocolHeader::Amqp.bytes()[..]);
        let open = Open {
            container_id: "test".to_owned(),
            hostname: Some("localhost".to_owned()),
            max_frame_size: FRAME_MAX,
            channel_max: 255,
            idle_time_out: None,
            outgoing_locales: vec![],
            incoming_locales: vec![],
            offered_capabilities: vec![],
            desired_capabilities: vec![],
            properties: vec![],
        };
        let begin = Begin {
            remote_channel: None,
            next_outgoing_id: 0,
            incoming_window: 5_000,
            outgoing_window: 5_000,
            handle_max: 255,
            offered_capabilities: vec![],
            desired_capabilities: vec![],
            properties: vec![],
        };
        frame::write(0, &Performative::Open(Box::new(open)), &[], &mut out);
        frame::write(0, &Performative::Begin(Box::new(begin)), &[], &mut out);
        self.write(&out).await;
        self.header(ProtocolHeader::Amqp).await;
        assert!(matches!(self.heard().await, (Performative::Open(_), _)));
        assert!(matches!(self.heard().await, (Performative::Begin(_), _)));
    }

    /// A pair of links to a node; the handle of the one to send on.
    pub(crate) async fn node(&mut self, address: &str) -> u32 {
        let requests = self.attach_sender(address, vec![]).await.unwrap();
        let replies = self.attach_receiver(address, None, vec![], vec![]).await.unwrap();
        self.give(replies, 100).await;
        requests
    }

    /// What it answers.
    pub(crate) async fn ask(&mut self, node: u32, properties: &[(&str, Value)], body: Value) -> Message {
        let id = self.ask_later(node, properties, body).await;
        let Delivered { message, .. } = self.delivered().await;
        let answered = message
            .properties
            .as_ref()
            .and_then(|properties| properties.correlation_id.clone());
        assert_eq!(answered, Some(id), "{message:?}");
        message
    }

    /// The status of putting a token for `audience` to `$cbs`.
    pub(crate) async fn put(&mut self, cbs: u32, audience: &str, token: &str) -> Message {
        let text = |text: &str| Value::String(text.to_owned());
        let properties = [
            ("operation", text("put-token")),
            ("type", text("servicebus.windows.net:sastoken")),
            ("name", text(audience)),
        ];
        self.ask(cbs, &properties, text(token)).await
    }

    /// The status of putting a bearer token for `audience` to `$cbs`.
    pub(crate) async fn put_jwt(&mut self, cbs: u32, audience: &str, token: &str) -> Message {
        self.ask(cbs, &jwt(audience), Value::String(token.to_owned()))
            .await
    }

    /// Asks without waiting for an answer; what it will be known by.
    pub(crate) async fn ask_later(
        &mut self,
        node: u32,
        properties: &[(&str, Value)],
        body: Value,
    ) -> MessageId {
        let id = MessageId::Ulong(u64::from(self.deliveries));
        let request = Message {
            properties: Some(Properties {
                message_id: Some(id.clone()),
                ..Properties::default()
            }),
            application_properties: properties
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            body: Body::Value(body),
            ..Message::default()
        };
        self.transfer(node, 0, true, &encoded(&request)).await;
        id
    }

    /// A link to send on.
    pub(crate) async fn attach_sender(
        &mut self,
        address: &str,
        properties: Fields,
    ) -> Result<u32, amqp::Error> {
        let attach = Attach {
            target: Some(Target {
                address: Some(address.to_owned()),
                ..Target::default()
            }),
            properties,
            ..self.attach(Role::Sender)
        };
        self.attached(attach).await
    }

    /// A link to receive on, with a selector.
    pub(crate) async fn attach_receiver(
        &mut self,
        address: &str,
        selector: Option<&str>,
        properties: Fields,
        capabilities: Vec<Symbol>,
    ) -> Result<u32, amqp::Error> {
        let name = Symbol::from_static("apache.org:selector-filter:string");
        let filter = selector.map(|selector| {
            let described = Described {
                descriptor: Value::Symbol(name.clone()),
                value: Value::String(selector.to_owned()),
            };
            (name.clone(), Value::Described(Box::new(described)))
        });
        let attach = Attach {
            source: Some(Source {
                address: Some(address.to_owned()),
                filter: filter.into_iter().collect(),
                ..Source::default()
            }),
            properties,
            desired_capabilities: capabilities,
            ..self.attach(Role::Receiver)
        };
        self.attached(attach).await
    }

    fn attach(&mut self, role: Role) -> Attach {
        let handle = self.handles;
        self.handles += 1;
        Attach {
            name: format!("link-{handle}"),
            handle,
            role,
            snd_settle_mode: SenderSettleMode::default(),
            rcv_settle_mode: ReceiverSettleMode::default(),
            source: Some(Source::default()),
            target: Some(Target::default()),
            is_coordinator: false,
            unsettled: Value::Null,
            incomplete_unsettled: false,
            initial_delivery_count: (role == Role::Sender).then_some(0),
            max_message_size: None,
            offered_capabilities: vec![],
            desired_capabilities: vec![],
            properties: vec![],
        }
    }

    async fn attached(&mut self, attach: Attach) -> Result<u32, amqp::Error> {
        let handle = attach.handle;
        self.say(&Performative::Attach(Box::new(attach)), &[]).await;
        loop {
            match self.heard().await.0 {
                Performative::Attach(answer) if answer.source.is_some() && answer.target.is_some() => {
                    return Ok(handle);
                }
                // Refused: a detach with the reason follows.
                Performative::Attach(_) | Performative::Flow(_) => {}
                Performative::Detach(Detach { error, .. }) => return Err(error.expect("a reason")),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Lets the broker send this many messages on a link that has none under way.
    pub(crate) async fn give(&mut self, handle: u32, credit: u32) {
        self.flow(handle, 0, credit, false).await;
    }

    pub(crate) async fn flow(&mut self, handle: u32, delivery_count: u32, credit: u32, drain: bool) {
        let flow = Flow {
            next_incoming_id: Some(0),
            incoming_window: 5_000,
            next_outgoing_id: 0,
            outgoing_window: 5_000,
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            drain,
            ..Flow::default()
        };
        self.say(&Performative::Flow(flow), &[]).await;
    }

    /// Sends without waiting for an answer; the delivery's number.
    pub(crate) async fn send(&mut self, handle: u32, format: u32, payload: &[u8]) -> u32 {
        self.transfer(handle, format, false, payload).await
    }

    async fn transfer(&mut self, handle: u32, format: u32, settled: bool, payload: &[u8]) -> u32 {
        let delivery = self.deliveries;
        self.deliveries += 1;
        let mut parts = payload.chunks(PART).peekable();
        let mut transfer = Transfer {
            handle,
            delivery_id: Some(delivery),
            delivery_tag: Some(Bytes::copy_from_slice(&delivery.to_be_bytes())),
            message_format: Some(format),
            settled: Some(settled),
            ..Transfer::default()
        };
        while let Some(part) = parts.next() {
            transfer.more = parts.peek().is_some();
            self.say(&Performative::Transfer(transfer.clone()), part).await;
            transfer.delivery_id = None;
        }
        delivery
    }

    /// Sends so many parts of a message, and never its end.
    pub(crate) async fn begin_message(&mut self, handle: u32, parts: usize) {
        let mut transfer = Transfer {
            handle,
            delivery_id: Some(self.deliveries),
            delivery_tag: Some(Bytes::from_static(b"x")),
            message_format: Some(0),
            more: true,
            ..Transfer::default()
        };
        for _ in 0..parts {
            self.say(&Performative::Transfer(transfer.clone()), &[0; PART])
                .await;
            transfer.delivery_id = None;
        }
    }

    /// The next disposition or detach.
    pub(crate) async fn settled(&mut self) -> Result<Disposition, Detach> {
        loop {
            match self.heard().await.0 {
                Performative::Disposition(disposition) => return Ok(disposition),
                Performative::Detach(detach) => return Err(detach),
                Performative::Flow(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message, from whatever link, in one piece.
    pub(crate) async fn delivered(&mut self) -> Delivered {
        let mut joined = BytesMut::new();
        loop {
            match self.heard().await {
                (Performative::Transfer(transfer), payload) => {
                    assert!(transfer.settled.unwrap_or(false) || transfer.delivery_id.is_none());
                    joined.extend_from_slice(&payload);
                    if !transfer.more {
                        return Delivered {
                            message: Message::decode(&joined.freeze()).unwrap(),
                        };
                    }
                }
                (Performative::Disposition(_) | Performative::Flow(_), _) => {}
                (other, _) => panic!("{other:?}"),
            }
        }
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(200), self.next_frame())
            .await
            .is_err()
    }

    /// The next performative.
    pub(crate) async fn heard(&mut self) -> (Performative, Bytes) {
        match self.frame().await {
            Frame::Amqp {
                performative,
                payload,
                ..
            } => (performative, payload),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn say(&mut self, performative: &Performative, payload: &[u8]) {
        let mut out = BytesMut::new();
        frame::write(0, performative, &[payload], &mut out);
        self.write(&out).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// True once the other side has closed the socket.
    pub(crate) async fn is_closed(&mut self) -> bool {
        tokio::time::timeout(PATIENCE, async {
            while self
                .socket
                .read_buf(&mut self.input)
                .await
                .is_ok_and(|read| read > 0)
            {}
        })
        .await
        .is_ok()
    }

    async fn header(&mut self, expected: ProtocolHeader) {
        while self.input.len() < 8 {
            assert!(self.socket.read_buf(&mut self.input).await.unwrap() > 0);
        }
        assert_eq!(ProtocolHeader::read(&mut self.input).unwrap(), Some(expected));
    }

    async fn frame(&mut self) -> Frame {
        let frame = tokio::time::timeout(PATIENCE, self.next_frame()).await;
        frame.expect("a frame in time")
    }

    async fn next_frame(&mut self) -> Frame {
        loop {
            match frame::read(&mut self.input, FRAME_MAX).unwrap() {
                Some(Frame::Empty { .. }) => {}
                Some(frame) => return frame,
                None => assert!(
                    self.socket.read_buf(&mut self.input).await.unwrap() > 0,
                    "the broker closed the connection"
                ),
            }
        }
    }
}

/// Properties of a request that puts a bearer token.
pub(crate) fn jwt(audience: &str) -> [(&'static str, Value); 3] {
    let text = |text: &str| Value::String(text.to_owned());
    [
        ("operation", text("put-token")),
        ("type", text("jwt")),
        ("name", text(audience)),
    ]
}

pub(crate) fn encoded(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(&mut out);
    out.freeze()
}

/// A token as the SDKs make it.
pub(crate) fn token(rule: &str, key: &str, resource: &str, expiry_seconds: i64) -> String {
    let resource = resource.replace(':', "%3A").replace('/', "%2F");
    let mut hmac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    hmac.update(format!("{resource}\n{expiry_seconds}").as_bytes());
    let signature = STANDARD.encode(hmac.finalize().into_bytes());
    let signature = signature
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry_seconds}&skn={rule}")
}

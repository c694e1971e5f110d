//! The beginning of a conversation, one step after the other. A load begins when everybody is attached.

use std::io::{Read, Write};

use amqp::{
    Fields, Performative, Symbol,
    frame::{self, Frame, ProtocolHeader, SaslFrame},
    performative::{
        Attach, Begin, Open, ReceiverSettleMode, Role, SaslCode, SaslInit, SenderSettleMode, Source, Target,
    },
};
use anyhow::{Context, bail};
use bytes::{Bytes, BytesMut};

use super::{
    Peer,
    window::{FIRST, Window},
};

/// The largest frame that we read.
pub(super) const MAX_FRAME_SIZE: u32 = 64 * 1024;
/// What we let a peer send before it hears from us again.
pub(super) const INCOMING_WINDOW: u32 = 1 << 30;

/// One session of one connection, with at most one link.
#[derive(Debug)]
pub(crate) struct Session<Stream> {
    pub(super) stream: Stream,
    pub(super) input: BytesMut,
    pub(super) window: Window,
    /// The largest frame that the peer reads.
    pub(super) max_frame_size: u32,
}

impl<Stream: Read + Write> Session<Stream> {
    /// # Errors
    /// When the peer does not want us.
    pub(crate) fn open(stream: Stream, peer: &Peer) -> anyhow::Result<Self> {
        let mut session = Self {
            stream,
            input: BytesMut::new(),
            window: Window::new(&begin()),
            max_frame_size: 512,
        };
        session.authenticate(peer).context("authenticate")?;
        session.begin().context("open a connection and begin a session")?;
        Ok(session)
    }

    fn authenticate(&mut self, peer: &Peer) -> anyhow::Result<()> {
        self.exchange_header(ProtocolHeader::Sasl)?;
        let Frame::Sasl(SaslFrame::Mechanisms(_)) = self.read_frame()? else {
            bail!("the server offers no mechanisms");
        };
        let response = format!("\0{}\0{}", peer.user, peer.password);
        let mut out = BytesMut::new();
        frame::write_sasl(
            &SaslFrame::Init(SaslInit {
                mechanism: Symbol::from_static("PLAIN"),
                initial_response: Some(Bytes::from(response)),
                hostname: None,
            }),
            &mut out,
        );
        self.write(&out)?;
        match self.read_frame()? {
            Frame::Sasl(SaslFrame::Outcome(outcome)) if outcome.code == SaslCode::Ok => Ok(()),
            other => bail!("the server answered {other:?}"),
        }
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        self.exchange_header(ProtocolHeader::Amqp)?;
        self.say(&Performative::Open(Box::new(open())))?;
        let Performative::Open(open) = self.hear()? else {
            bail!("the server does not open the connection");
        };
        self.max_frame_size = open.max_frame_size;
        self.say(&Performative::Begin(Box::new(begin())))?;
        let Performative::Begin(begin) = self.hear()? else {
            bail!("the server does not begin the session");
        };
        self.window = Window::new(&begin);
        Ok(())
    }

    /// Attaches a link on which we send.
    pub(crate) fn attach_sender(&mut self, target: &str) -> anyhow::Result<()> {
        let mut attach = attach(Role::Sender, SenderSettleMode::Unsettled);
        attach.initial_delivery_count = Some(0);
        attach.source = Some(Source::default());
        attach.target = Some(Target {
            address: Some(target.to_owned()),
            ..Target::default()
        });
        self.attach(attach).with_context(|| format!("attach to {target}"))
    }

    /// Attaches a link on which we receive. Messages come settled or unsettled, as we say.
    pub(crate) fn attach_receiver(
        &mut self,
        source: &str,
        filter: Fields,
        mode: SenderSettleMode,
    ) -> anyhow::Result<()> {
        let mut attach = attach(Role::Receiver, mode);
        attach.source = Some(Source {
            address: Some(source.to_owned()),
            filter,
            ..Source::default()
        });
        attach.target = Some(Target::default());
        self.attach(attach).with_context(|| format!("attach to {source}"))
    }

    fn attach(&mut self, attach: Attach) -> anyhow::Result<()> {
        let sends = attach.role == Role::Sender;
        self.say(&Performative::Attach(Box::new(attach)))?;
        loop {
            match self.hear()? {
                Performative::Attach(reply) if sends && reply.target.is_none() => {}
                Performative::Attach(reply) if !sends && reply.source.is_none() => {}
                Performative::Attach(_) => return Ok(()),
                Performative::Flow(flow) => self.window.on_flow(&flow),
                other => bail!("the server answered {other:?}"),
            }
        }
    }

    fn exchange_header(&mut self, header: ProtocolHeader) -> anyhow::Result<()> {
        self.write(&header.bytes())?;
        loop {
            match ProtocolHeader::read(&mut self.input)? {
                Some(answer) if answer == header => return Ok(()),
                Some(answer) => bail!("the server wants to speak {answer:?}"),
                None => self.read_some()?,
            }
        }
    }

    fn say(&mut self, performative: &Performative) -> anyhow::Result<()> {
        let mut out = BytesMut::new();
        frame::write(0, performative, &[], &mut out);
        self.write(&out)
    }

    /// The next performative; none that ends something.
    fn hear(&mut self) -> anyhow::Result<Performative> {
        loop {
            match self.read_frame()? {
                Frame::Empty { .. } => {}
                Frame::Amqp { performative, .. } => return refuse_ends(performative),
                Frame::Sasl(frame) => bail!("the server authenticates again: {frame:?}"),
            }
        }
    }

    fn read_frame(&mut self) -> anyhow::Result<Frame> {
        loop {
            if let Some(frame) = frame::read(&mut self.input, MAX_FRAME_SIZE)? {
                return Ok(frame);
            }
            self.read_some()?;
        }
    }

    fn read_some(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 4096];
        let read = self.stream.read(&mut buffer).context("read")?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        self.input.extend_from_slice(&buffer[..read]);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).context("write")?;
        // A stream over TLS keeps what it has not been asked for.
        self.stream.flush().context("flush")
    }
}

/// # Errors
/// When the peer ends the link, the session or the connection: nothing of this is expected of it.
pub(super) fn refuse_ends(performative: Performative) -> anyhow::Result<Performative> {
    let error = match &performative {
        Performative::Detach(detach) => &detach.error,
        Performative::End(end) => &end.error,
        Performative::Close(close) => &close.error,
        _ => return Ok(performative),
    };
    match error {
        Some(error) => bail!("the server says {:?}: {}", error.condition, error.description),
        None => bail!("the server says farewell: {performative:?}"),
    }
}

fn open() -> Open {
    Open {
        container_id: "weft-bench".to_owned(),
        hostname: Some("localhost".to_owned()),
        max_frame_size: MAX_FRAME_SIZE,
        channel_max: 0,
        idle_time_out: None,
        outgoing_locales: Vec::new(),
        incoming_locales: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Fields::new(),
    }
}

fn begin() -> Begin {
    Begin {
        remote_channel: None,
        next_outgoing_id: FIRST,
        incoming_window: INCOMING_WINDOW,
        outgoing_window: INCOMING_WINDOW,
        handle_max: 0,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Fields::new(),
    }
}

fn attach(role: Role, snd_settle_mode: SenderSettleMode) -> Attach {
    Attach {
        name: "bench".to_owned(),
        handle: 0,
        role,
        snd_settle_mode,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: None,
        target: None,
        is_coordinator: false,
        unsettled: amqp::Value::Null,
        incomplete_unsettled: false,
        initial_delivery_count: None,
        max_message_size: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Fields::new(),
    }
}

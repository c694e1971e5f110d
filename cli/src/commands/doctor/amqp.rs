//! Whether AMQP is spoken at its doors, as far as it goes without showing anything: the header of SASL, and what is
//! offered.

use std::io::{self, Read, Write};

use super::doors::{AMQPS, Protocol};
use super::ports::{self, Open};
use super::report::Report;
use super::tls;
use crate::failure::Failure;

/// AMQP 1.0 with SASL (5.3.1 of the specification).
const SASL: &[u8; 8] = b"AMQP\x03\x01\x00\x00";
/// The first frame is small; more is not AMQP.
const FRAME_BYTES_MAX: u32 = 4_096;
/// By which clients begin that show a signature or a token afterwards, at `$cbs`.
const ANONYMOUS: &str = "ANONYMOUS";
const KNOWN: [&str; 4] = [ANONYMOUS, "PLAIN", "EXTERNAL", "MSSBCBS"];

pub(super) fn check(open: &[Open], report: &mut Report) -> Result<(), Failure> {
    for open in open.iter().filter(|open| open.door.protocol == Protocol::Amqp) {
        let check = format!("AMQP {}", open.door.name);
        match mechanisms(open) {
            Ok(offered) if offered.contains(&ANONYMOUS) => {
                report.ok(&check, format!("{} offers {}", open.door, offered.join(", ")))?;
            }
            Ok(offered) => report.problem(
                &check,
                format!(
                    "{} does not offer {ANONYMOUS}, but {}",
                    open.door,
                    offered.join(", ")
                ),
                "check that the door is a Weft Namespace's",
            )?,
            Err(cause) => report.problem(
                &check,
                format!("{} does not speak AMQP 1.0: {cause}", open.door),
                "check that nothing stands between, and that the port is the one for AMQP",
            )?,
        }
        if open.door.name == "amqps" && open.door.port != AMQPS {
            report.note(
                &check,
                format!("SDKs dial port {AMQPS} when they are given a host name and a token credential"),
                "for passwordless AMQP, start the Namespace in a data folder of its own, without --port-base or with --port-base 5668",
            )?;
        }
    }
    Ok(())
}

fn mechanisms(open: &Open) -> Result<Vec<&'static str>, String> {
    let told = |cause: io::Error| ports::told(&cause);
    match open.door.has_tls {
        true => talk(&mut tls::open(open)?.stream).map_err(told),
        false => talk(&mut open.connect().map_err(told)?).map_err(told),
    }
}

fn talk(stream: &mut (impl Read + Write)) -> io::Result<Vec<&'static str>> {
    stream.write_all(SASL)?;
    stream.flush()?;
    let mut header = [0; 8];
    stream.read_exact(&mut header)?;
    let other = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    if header != *SASL {
        return Err(other("it answers with another protocol"));
    }
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let size = u32::from_be_bytes(size);
    if !(8..=FRAME_BYTES_MAX).contains(&size) {
        return Err(other("its first frame has an impossible size"));
    }
    let mut frame = vec![0; size as usize - 4];
    stream.read_exact(&mut frame)?;
    // Symbols are ASCII, so that their names stand in the frame as they are.
    let text = String::from_utf8_lossy(&frame);
    Ok(KNOWN.into_iter().filter(|name| text.contains(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Peer {
        says: io::Cursor<Vec<u8>>,
        heard: Vec<u8>,
    }

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.says.read(buffer)
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.heard.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn answers(says: &[u8]) -> io::Result<Vec<&'static str>> {
        let mut peer = Peer {
            says: io::Cursor::new(says.to_vec()),
            heard: Vec::new(),
        };
        let offered = talk(&mut peer);
        assert_eq!(peer.heard, SASL);
        offered
    }

    #[test]
    fn what_is_offered_is_read_from_the_first_frame() {
        let mut says = SASL.to_vec();
        let body = b"\x02\x01\x00\x00\x00\x53\x40\xc0\x1b\x01\xe0\x18\x02\xa3\x09ANONYMOUS\x05PLAIN";
        says.extend((body.len() as u32 + 4).to_be_bytes());
        says.extend(body);
        assert_eq!(answers(&says).unwrap(), ["ANONYMOUS", "PLAIN"]);
    }

    #[test]
    fn another_protocol_is_told_from_amqp() {
        assert!(answers(b"HTTP/1.1 400 Bad Request\r\n").is_err());
        let mut says = SASL.to_vec();
        says.extend(u32::MAX.to_be_bytes());
        assert!(answers(&says).is_err());
        assert!(answers(b"").is_err());
    }
}

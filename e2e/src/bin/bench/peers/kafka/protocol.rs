//! As much of Kafka's protocol as it takes to produce: requests as they are sent many times.

use super::TOPIC;
use crate::amqp_load::EVENT_BYTES;

const PRODUCE: (i16, i16) = (0, 3);
const METADATA: (i16, i16) = (3, 4);

/// Behind the length: two bytes each for API and version.
pub(super) const CORRELATION: usize = 8;

/// How long the broker may take, in milliseconds.
const TIMEOUT: i32 = 30_000;

/// Asks for the topic, which the broker then creates.
pub(super) fn metadata() -> Vec<u8> {
    let mut body = Vec::new();
    put_i32(1, &mut body);
    put_text(TOPIC, &mut body);
    body.push(1);
    request(METADATA, &body)
}

/// One batch of records for one partition, to be acknowledged by all replicas (of which there is one).
pub(super) fn produce(partition: usize, records: usize) -> Vec<u8> {
    let batch = batch(records);
    let mut body = Vec::new();
    put_i16(-1, &mut body); // no transaction
    put_i16(-1, &mut body); // acks=all
    put_i32(TIMEOUT, &mut body);
    put_i32(1, &mut body);
    put_text(TOPIC, &mut body);
    put_i32(1, &mut body);
    put_i32(partition as i32, &mut body);
    put_i32(batch.len() as i32, &mut body);
    body.extend_from_slice(&batch);
    request(PRODUCE, &body)
}

/// Where in the answer to [`produce`], behind its length, the error code stands: correlation, the one topic's name, the one
/// partition's index.
pub(super) const ERROR_CODE: usize = 4 + 4 + (2 + TOPIC.len()) + 4 + 4;

fn request((api, version): (i16, i16), body: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    put_i16(api, &mut rest);
    put_i16(version, &mut rest);
    put_i32(0, &mut rest); // the correlation, numbered when it is sent
    put_text("bench", &mut rest);
    rest.extend_from_slice(body);
    let mut out = Vec::new();
    put_i32(rest.len() as i32, &mut out);
    out.extend_from_slice(&rest);
    out
}

/// Records in the format of version 2. The offset, which the broker sets, is not covered by the checksum.
fn batch(records: usize) -> Vec<u8> {
    let mut covered = Vec::new();
    put_i16(0, &mut covered); // attributes: no compression
    put_i32(records as i32 - 1, &mut covered); // last offset
    put_i64(0, &mut covered); // first timestamp
    put_i64(0, &mut covered); // last timestamp
    put_i64(-1, &mut covered); // no idempotent producer, its epoch, its sequence
    put_i16(-1, &mut covered);
    put_i32(-1, &mut covered);
    put_i32(records as i32, &mut covered);
    for index in 0..records {
        put_record(index, &mut covered);
    }
    let mut out = Vec::new();
    put_i64(0, &mut out); // offset
    put_i32(covered.len() as i32 + 9, &mut out);
    put_i32(-1, &mut out); // epoch of the leader
    out.push(2); // format
    out.extend_from_slice(&crc32c(&covered).to_be_bytes());
    out.extend_from_slice(&covered);
    out
}

fn put_record(index: usize, out: &mut Vec<u8>) {
    let mut record = vec![0]; // attributes
    put_varint(0, &mut record); // timestamp
    put_varint(index as i64, &mut record);
    put_varint(-1, &mut record); // no key
    put_varint(EVENT_BYTES as i64, &mut record);
    record.resize(record.len() + EVENT_BYTES, b'x');
    put_varint(0, &mut record); // no headers
    put_varint(record.len() as i64, out);
    out.extend_from_slice(&record);
}

fn put_i16(number: i16, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn put_i32(number: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn put_i64(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_i16(text.len() as i16, out);
    out.extend_from_slice(text.as_bytes());
}

/// Signs alternate, and seven bits go into a byte.
fn put_varint(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Castagnoli's polynomial, bit by bit: it is computed once for each request that is sent many times.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnoli_s() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn varints_are_zigzag() {
        for (number, wire) in [
            (0, vec![0]),
            (-1, vec![1]),
            (1, vec![2]),
            (1024, vec![0x80, 0x10]),
        ] {
            let mut out = Vec::new();
            put_varint(number, &mut out);
            assert_eq!(out, wire, "{number}");
        }
    }
}

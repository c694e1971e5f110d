//! Which partition a key belongs to: the hash that Azure's own clients compute (Bob Jenkins' lookup3, `hashlittle2`).

/// The partition of `key` among `count`, which is at least 1. The same key has the same partition while the count stays.
pub(super) fn partition_of(key: &[u8], count: u32) -> u32 {
    // The remainder is cut towards zero before its sign is dropped, as in Azure's clients; another order gives another
    // partition for every second key.
    let count = i32::try_from(count.max(1)).unwrap_or(i32::MAX);
    (i32::from(hash(key)) % count).unsigned_abs()
}

/// The low half of both results, as a signed number.
fn hash(key: &[u8]) -> i16 {
    let (b, c) = hash_little_2(key);
    if key.is_empty() { 0 } else { (b ^ c) as i16 }
}

/// With both seeds zero.
fn hash_little_2(key: &[u8]) -> (u32, u32) {
    let start = 0xdead_beef_u32.wrapping_add(key.len() as u32);
    let mut state = [start; 3];
    let mut rest = key;
    // The last block, even a whole one, is mixed differently.
    while rest.len() > 12 {
        let (block, later) = rest.split_at(12);
        add(&mut state, block);
        mix(&mut state);
        rest = later;
    }
    if !rest.is_empty() {
        add(&mut state, rest);
        finish(&mut state);
    }
    (state[1], state[2])
}

/// Adds up to twelve bytes as three little-endian words; what is missing counts as zero.
fn add(state: &mut [u32; 3], block: &[u8]) {
    let mut padded = [0; 12];
    padded[..block.len()].copy_from_slice(block);
    let (words, _) = padded.as_chunks::<4>();
    for (word, bytes) in state.iter_mut().zip(words) {
        *word = word.wrapping_add(u32::from_le_bytes(*bytes));
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &mut u32, z: &mut u32, bits: u32| {
        *x = x.wrapping_sub(*z) ^ z.rotate_left(bits);
        *z = z.wrapping_add(*y);
    };
    step(a, b, c, 4);
    step(b, c, a, 6);
    step(c, a, b, 8);
    step(a, b, c, 16);
    step(b, c, a, 19);
    step(c, a, b, 4);
}

fn finish([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &mut u32, bits: u32| *x = (*x ^ *y).wrapping_sub(y.rotate_left(bits));
    step(c, b, 14);
    step(a, c, 11);
    step(b, a, 25);
    step(c, b, 16);
    step(a, c, 4);
    step(b, a, 14);
    step(c, b, 24);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fall_where_azures_clients_expect_them() {
        let vectors: [(&str, u32, u32, i16, [u32; 3]); 13] = [
            ("7", 0xaf02_5836, 0xf7ca_9c57, -15263, [3, 7, 31]),
            ("88", 0x5266_6ea0, 0x60cb_63c4, 3428, [0, 4, 4]),
            ("test", 0x6da2_c9ae, 0xbe0c_1952, -12036, [0, 4, 4]),
            ("pk1", 0x6e9b_2d3e, 0x9802_1893, 13741, [1, 5, 13]),
            ("hello", 0x5c04_b779, 0x34cb_bc6e, 2839, [3, 7, 23]),
            ("alphabet", 0xf00d_d80c, 0x78b2_7c46, -23478, [2, 6, 22]),
            ("device-42", 0xef06_7d87, 0x598d_d653, -21548, [0, 4, 12]),
            ("12 bytes key", 0x40f6_29ab, 0xc0ff_94fb, -17072, [0, 0, 16]),
            ("partition-key", 0xe060_5296, 0x8827_96ad, -15301, [1, 5, 5]),
            ("13 bytes keys!", 0xfad4_c92c, 0x1a15_b711, 32317, [1, 5, 29]),
            ("sensor/eu-west/0001", 0x2b62_927d, 0xe82a_625c, -4063, [3, 7, 31]),
            (
                "00000000-0000-0000-0000-000000000000",
                0x7e4c_6873,
                0x1f7c_a7bb,
                -12344,
                [0, 0, 24],
            ),
            ("ключ", 0xbe41_72d8, 0xd81e_f08a, -32174, [2, 6, 14]),
        ];
        for (key, b, c, expected, partitions) in vectors {
            let bytes = key.as_bytes();
            assert_eq!(hash_little_2(bytes), (b, c), "{key}");
            assert_eq!(hash(bytes), expected, "{key}");
            assert_eq!(
                [4, 8, 32].map(|count| partition_of(bytes, count)),
                partitions,
                "{key}"
            );
        }
        assert_eq!([4, 8, 32].map(|count| partition_of(b"", count)), [0; 3]);
    }

    #[test]
    fn hashes_are_those_that_azures_clients_test_for() {
        for (key, expected) in [
            ("131", 30562),
            ("7149583486996073602", 12977),
            ("FWfAT", -22341),
            ("sOdeEAsyQoEuEFPGerWO", -6503),
            ("!c*_!I@1^c", 15372),
            ("p4*!jioeO/z-!-;w:dh", -3104),
            ("$0cb", 26269),
            ("-4189260826195535198", 453),
        ] {
            assert_eq!(hash(key.as_bytes()), expected, "{key}");
        }
    }
}

//! Base64 (RFC 4648 section 4), as PEM, Secrets and etcd's gateway want it.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            text.push(if place > chunk.len() { '=' } else { ALPHABET[digit as usize].into() });
        }
    }
    text
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.trim_end_matches('=').bytes().collect();
    let mut bytes = Vec::new();
    for chunk in digits.chunks(4) {
        let value = |digit: &u8| {
            u32::try_from(ALPHABET.iter().position(|known| known == digit).expect("base64"))
                .unwrap()
        };
        let bits =
            chunk.iter().fold(0, |bits, digit| bits << 6 | value(digit)) << (6 * (4 - chunk.len()));
        bytes.extend(&bits.to_be_bytes()[1..chunk.len()]);
    }
    bytes
}

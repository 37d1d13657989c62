//! Documents of Office with a password ([MS-OFFCRYPTO]): a compound file with the archive in one stream,
//! encrypted with AES, and how in another. Both ways that Office has written since 2007 are read: "standard"
//! and "agile".
//!
//! Whether the archive is what was encrypted is not checked (the HMAC): it is believed no more than any
//! other document.

use aes::{
    Aes128, Aes192, Aes256,
    cipher::{Array, BlockCipherDecrypt, BlockSizeUser, KeyInit, consts::U16},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::{
    Failure, FailureCode,
    outlook::container::Container,
    xml::{Piece, walk},
};

/// What Office itself tries, and so opens what was only marked as read-only.
const NOBODYS: &str = "VelvetSweatshop";
/// Rounds of hashing that are done; Office does 100,000.
const MOST_ROUNDS: u32 = 2_000_000;
const STANDARD_ROUNDS: u32 = 50_000;
const SEGMENT: usize = 4096;
const BLOCK: usize = 16;

/// The archive inside.
///
/// # Errors
/// `encrypted` when the password does not open it, `unsupported_type` when it is another container or
/// another way of encrypting, `corrupt` when it makes no sense, `limit_exceeded` when to try the password
/// would take too long.
pub(super) fn open(bytes: &[u8], password: &str) -> Result<Vec<u8>, Failure> {
    let mut container = Container::open(bytes)?;
    let unsupported = || Failure::new(FailureCode::UnsupportedType);
    let info = container.stream("/EncryptionInfo").ok_or_else(unsupported)?;
    let cipher = cipher(&info, if password.is_empty() { NOBODYS } else { password })?;
    let corrupt = || Failure::new(FailureCode::Corrupt);
    let package = container.stream("/EncryptedPackage").ok_or_else(corrupt)?;
    let length = package.get(..8).map(|b| u64::from_le_bytes(std::array::from_fn(|i| b[i]))).ok_or_else(corrupt)?;
    let mut opened = Vec::with_capacity(package.len());
    for (segment, part) in (0u32..).zip(package[8..].chunks(SEGMENT)) {
        opened.extend(cipher.open(part, segment));
    }
    // The rest of the last block is filling; what is said to be longer was cut off.
    opened.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(opened)
}

/// Looks at a description only.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(info: &[u8]) {
    let _ = cipher(info, "key");
}

/// By the description of how it is locked.
fn cipher(info: &[u8], password: &str) -> Result<Cipher, Failure> {
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let described = info.get(8..).ok_or_else(|| Failure::new(FailureCode::Corrupt))?;
    match (number(info, 0, 2), number(info, 2, 2)) {
        (Some(4), Some(4)) => agile(&Agile::parse(described)?, &password),
        (Some(2..=4), Some(2)) => standard(described, &password),
        _ => Err(Failure::new(FailureCode::UnsupportedType)),
    }
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(bytes.iter().rev().fold(0, |n, byte| n << 8 | u32::from(*byte)))
}

/// What opens the segments of the archive.
enum Cipher {
    /// Every block for itself.
    Standard(Aes),
    /// Chained within a segment, from a start that is made of salt and number.
    Agile { key: Aes, hash: Hash, salt: Vec<u8> },
}

impl Cipher {
    fn open(&self, part: &[u8], segment: u32) -> Vec<u8> {
        match self {
            Cipher::Standard(key) => key.each(part),
            Cipher::Agile { key, hash, salt } => {
                key.chained(part, &sized(hash.of(&[salt, &segment.to_le_bytes()]), BLOCK))
            }
        }
    }
}

enum Aes {
    Short(Box<Aes128>),
    Middle(Box<Aes192>),
    Long(Box<Aes256>),
}

impl Aes {
    fn new(key: &[u8]) -> Result<Self, Failure> {
        let unsupported = |_| Failure::new(FailureCode::UnsupportedType);
        Ok(match key.len() {
            24 => Self::Middle(Box::new(Aes192::new_from_slice(key).map_err(unsupported)?)),
            32 => Self::Long(Box::new(Aes256::new_from_slice(key).map_err(unsupported)?)),
            _ => Self::Short(Box::new(Aes128::new_from_slice(key).map_err(unsupported)?)),
        })
    }

    /// Whole blocks; what is left over is no block and is left out.
    fn each(&self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Short(key) => blocks(&**key, bytes),
            Self::Middle(key) => blocks(&**key, bytes),
            Self::Long(key) => blocks(&**key, bytes),
        }
    }

    fn chained(&self, bytes: &[u8], start: &[u8]) -> Vec<u8> {
        let mut opened = self.each(bytes);
        let before = start.iter().chain(bytes);
        opened.iter_mut().zip(before).for_each(|(byte, before)| *byte ^= before);
        opened
    }
}

fn blocks<C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>>(key: &C, bytes: &[u8]) -> Vec<u8> {
    let mut opened = Vec::with_capacity(bytes.len());
    for block in bytes.as_chunks::<BLOCK>().0 {
        let mut block = Array::from(*block);
        key.decrypt_block(&mut block);
        opened.extend_from_slice(&block);
    }
    opened
}

#[derive(Clone, Copy)]
enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        match name {
            "SHA1" | "SHA-1" => Some(Self::Sha1),
            "SHA256" | "SHA-256" => Some(Self::Sha256),
            "SHA384" | "SHA-384" => Some(Self::Sha384),
            "SHA512" | "SHA-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        fn of<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            parts.iter().fold(D::new(), |hash, part| hash.chain_update(part)).finalize().to_vec()
        }
        match self {
            Self::Sha1 => of::<Sha1>(parts),
            Self::Sha256 => of::<Sha256>(parts),
            Self::Sha384 => of::<Sha384>(parts),
            Self::Sha512 => of::<Sha512>(parts),
        }
    }

    /// The password, made slow to guess.
    fn stretched(self, salt: &[u8], password: &[u8], rounds: u32) -> Vec<u8> {
        (0..rounds).fold(self.of(&[salt, password]), |hash, round| self.of(&[&round.to_le_bytes(), &hash]))
    }
}

/// So long, filled up as the format has it.
fn sized(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.resize(length, 0x36);
    bytes
}

fn wrong() -> Failure {
    Failure::new(FailureCode::Encrypted)
}

fn standard(info: &[u8], password: &[u8]) -> Result<Cipher, Failure> {
    let corrupt = || Failure::new(FailureCode::Corrupt);
    // The size of the header, and the header: flags, size, algorithm, hash, bits of the key, …
    let size = number(info, 0, 4).ok_or_else(corrupt)? as usize;
    let (algorithm, bits) = (number(info, 12, 4), number(info, 20, 4).ok_or_else(corrupt)?);
    if !matches!(algorithm, Some(0x660e..=0x6610)) || !matches!(bits, 128 | 192 | 256) {
        return Err(Failure::new(FailureCode::UnsupportedType));
    }
    // The size of the salt, salt, verifier, the size of its hash, the hash.
    let verifier = info.get(size.saturating_add(4)..).ok_or_else(corrupt)?;
    let part = |from: usize, to: usize| verifier.get(from..to).ok_or_else(corrupt);
    let (salt, input, expected) = (part(4, 20)?, part(20, 36)?, part(40, 72)?);
    let hash = Hash::Sha1;
    let stretched = hash.of(&[&hash.stretched(salt, password, STANDARD_ROUNDS), &[0; 4]]);
    let half = |fill: u8| {
        let mut block = [fill; 64];
        block.iter_mut().zip(&stretched).for_each(|(byte, key)| *byte ^= key);
        hash.of(&[&block])
    };
    let key = Aes::new(&[half(0x36), half(0x5c)].concat()[..bits as usize / 8])?;
    match hash.of(&[&key.each(input)]).starts_with(&key.each(expected)[..20]) {
        true => Ok(Cipher::Standard(key)),
        false => Err(wrong()),
    }
}

/// What the XML of the agile way says.
#[derive(Default)]
struct Agile {
    salt: Vec<u8>,
    hash: Option<Hash>,
    key: Locked,
}

/// How the key that opens the archive is locked itself.
#[derive(Default)]
struct Locked {
    salt: Vec<u8>,
    hash: Option<Hash>,
    rounds: u32,
    bytes: usize,
    input: Vec<u8>,
    expected: Vec<u8>,
    key: Vec<u8>,
}

impl Agile {
    fn parse(xml: &[u8]) -> Result<Self, Failure> {
        let (mut read, mut is_aes, mut keys) = (Self::default(), true, 0);
        walk(xml, |piece| {
            let Piece::Open(name @ ("keyData" | "encryptedKey"), attributes) = piece else { return true };
            let text = |name: &str| attributes.get(name).unwrap_or_default();
            let bytes = |name: &str| BASE64_STANDARD.decode(text(name).trim()).unwrap_or_default();
            is_aes &= text("cipherAlgorithm") == "AES" && text("cipherChaining") == "ChainingModeCBC";
            let hash = Hash::named(&text("hashAlgorithm"));
            if name == "keyData" {
                (read.salt, read.hash) = (bytes("saltValue"), hash);
                return true;
            }
            keys += 1;
            read.key = Locked {
                salt: bytes("saltValue"),
                hash,
                rounds: text("spinCount").parse().unwrap_or(u32::MAX),
                bytes: text("keyBits").parse::<usize>().unwrap_or_default() / 8,
                input: bytes("encryptedVerifierHashInput"),
                expected: bytes("encryptedVerifierHashValue"),
                key: bytes("encryptedKeyValue"),
            };
            // Others would be for certificates.
            false
        });
        match is_aes && keys == 1 && matches!(read.key.bytes, 16 | 24 | 32) {
            true => Ok(read),
            false => Err(Failure::new(FailureCode::UnsupportedType)),
        }
    }
}

fn agile(info: &Agile, password: &[u8]) -> Result<Cipher, Failure> {
    let locked = &info.key;
    let (Some(hash), Some(of_data)) = (locked.hash, info.hash) else {
        return Err(Failure::new(FailureCode::UnsupportedType));
    };
    if locked.rounds > MOST_ROUNDS {
        return Err(Failure::new(FailureCode::LimitExceeded));
    }
    let stretched = hash.stretched(&locked.salt, password, locked.rounds);
    // Each of the three is locked with a key of its own, made of the same and a few bytes for each.
    let opened = |bytes: &[u8], purpose: [u8; 8]| {
        let key = Aes::new(&sized(hash.of(&[&stretched, &purpose]), locked.bytes))?;
        Ok::<_, Failure>(key.chained(bytes, &sized(locked.salt.clone(), BLOCK)))
    };
    let input = opened(&locked.input, [0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79])?;
    let expected = opened(&locked.expected, [0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e])?;
    let found = hash.of(&[&input]);
    if input.is_empty() || !expected.starts_with(&found) {
        return Err(wrong());
    }
    let mut key = opened(&locked.key, [0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6])?;
    key.truncate(locked.bytes);
    Ok(Cipher::Agile { key: Aes::new(&key)?, hash: of_data, salt: info.salt.clone() })
}

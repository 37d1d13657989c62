//! Documents of Office with a password.

use std::io::{Cursor, Read, Seek, Write};

use aes::{
    Aes128,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};
use cfb::CompoundFile;
use extract::{Extraction, Failure, FailureCode, Limits, sniff};
use sha1::{Digest, Sha1};

use crate::{archives, extractor, hostile::Case, texts};

/// Made by another program, in the agile way, with the password `Schlüssel`.
const AGILE: &[u8] = include_bytes!("locked.xlsx");
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

async fn opened(bytes: &[u8], media_type: &str, password: &str) -> Result<Extraction, Failure> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    match password {
        "" => extractor(Limits::default()).extract(file, media_type).await,
        password => extractor(Limits::default()).extract_locked(file, media_type, &password.into()).await,
    }
}

fn container(info: &[u8], package: &[u8]) -> Vec<u8> {
    let mut file = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    file.create_stream("/EncryptionInfo").unwrap().write_all(info).unwrap();
    file.create_stream("/EncryptedPackage").unwrap().write_all(package).unwrap();
    file.flush().unwrap();
    file.into_inner().into_inner()
}

fn streams(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut file = CompoundFile::open(Cursor::new(bytes)).unwrap();
    let mut read = |name: &str| {
        let mut bytes = Vec::new();
        file.open_stream(name).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    (read("/EncryptionInfo"), read("/EncryptedPackage"))
}

fn blocks(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let key = Aes128::new_from_slice(key).unwrap();
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    for block in bytes.as_chunks_mut::<16>().0 {
        let mut turned = Array::from(*block);
        key.encrypt_block(&mut turned);
        block.copy_from_slice(&turned);
    }
    bytes
}

/// As Office 2007 wrote it ([MS-OFFCRYPTO] 2.3.4.5 to 2.3.4.8).
pub(crate) fn standard(document: &[u8], password: &str) -> Vec<u8> {
    let (salt, verifier) = ([7u8; 16], [9u8; 16]);
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut hash = Sha1::digest([&salt[..], &password].concat());
    for round in 0..50_000u32 {
        hash = Sha1::digest([&round.to_le_bytes()[..], &hash].concat());
    }
    let hash = Sha1::digest([&hash[..], &[0; 4]].concat());
    let mut block = [0x36; 64];
    block.iter_mut().zip(hash).for_each(|(byte, hash)| *byte ^= hash);
    let key = &Sha1::digest(block)[..16];
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let header = [numbers(&[0x24, 0, 0x660e, 0x8004, 128, 0x18, 0, 0]), b"A\0E\0S\0\0\0".to_vec()].concat();
    let info = [
        vec![3, 0, 2, 0, 0x24, 0, 0, 0],
        numbers(&[header.len() as u32]),
        header,
        numbers(&[16]),
        salt.to_vec(),
        blocks(key, &verifier),
        numbers(&[20]),
        blocks(key, &Sha1::digest(verifier)),
    ];
    let package = [(document.len() as u64).to_le_bytes().to_vec(), blocks(key, document)];
    container(&info.concat(), &package.concat())
}

fn letter() -> Vec<u8> {
    archives::docx("<w:p><w:r><w:t>A secret letter</w:t></w:r></w:p>")
}

#[tokio::test]
async fn the_agile_way_opens_with_its_password_only() {
    assert_eq!(sniff(&AGILE[..8192], "a.xlsx"), Some(XLSX));
    let read = opened(AGILE, XLSX, "Schlüssel").await.unwrap();
    assert!(texts(&read)[0].contains("The secret is 42"), "{read:?}");
    assert_eq!((read.partial, read.engine.as_str()), (None, "office"));
    for wrong in ["", "schlüssel", "Schlussel", &"x".repeat(1000)] {
        assert_eq!(opened(AGILE, XLSX, wrong).await.unwrap_err().code, FailureCode::Encrypted, "{wrong}");
    }
    // The name does not decide.
    assert!(texts(&opened(AGILE, DOCX, "Schlüssel").await.unwrap())[0].contains("The secret is 42"));
}

#[tokio::test]
async fn the_standard_way_opens_with_its_password_only() {
    let locked = standard(&letter(), "key: 42");
    assert!(texts(&opened(&locked, DOCX, "key: 42").await.unwrap())[0].contains("A secret letter"));
    for wrong in ["", "key: 43"] {
        assert_eq!(opened(&locked, DOCX, wrong).await.unwrap_err().code, FailureCode::Encrypted);
    }
}

#[tokio::test]
async fn what_office_opens_without_asking_needs_no_password() {
    let locked = standard(&letter(), "VelvetSweatshop");
    assert!(texts(&opened(&locked, DOCX, "").await.unwrap())[0].contains("A secret letter"));
}

#[tokio::test]
async fn a_password_that_would_take_for_ever_to_try_is_not_tried() {
    let (info, package) = streams(AGILE);
    let info = String::from_utf8_lossy(&info).replace("spinCount=\"100000\"", "spinCount=\"4000000000\"");
    let failure = opened(&container(info.as_bytes(), &package), XLSX, "Schlüssel").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::LimitExceeded);
}

/// Containers that were made to hurt.
pub(crate) fn hostile() -> Vec<Case> {
    let (info, package) = streams(AGILE);
    let mut cases = Vec::new();
    let mut case = |name: &str, info: &[u8], package: &[u8]| {
        cases.push(Case::new(format!("locked: {name}"), XLSX, container(info, package)));
    };
    case("no description", b"", &package);
    case("unknown version", b"\x09\0\x09\0\0\0\0\0", &package);
    case("empty package", &info, b"");
    case("a length beyond everything", &info, &[0xff; 40]);
    let text = String::from_utf8_lossy(&info).into_owned();
    for (name, from, to) in [
        ("other hash", "SHA512", "MD5"),
        ("other cipher", "\"AES\"", "\"RC4\""),
        ("other chaining", "ChainingModeCBC", "ChainingModeCFB"),
        ("no rounds", "spinCount=\"100000\"", "spinCount=\"\""),
        ("negative rounds", "spinCount=\"100000\"", "spinCount=\"-1\""),
        ("a key of nothing", "keyBits=\"256\"", "keyBits=\"0\""),
        ("a key of everything", "keyBits=\"256\"", "keyBits=\"4294967295\""),
        ("no salt", "saltValue=\"", "saltValue=\"\" was=\""),
        ("no verifier", "encryptedVerifierHashInput=\"", "encryptedVerifierHashInput=\"\" was=\""),
        ("no key", "encryptedKeyValue=\"", "encryptedKeyValue=\"\" was=\""),
    ] {
        case(name, text.replace(from, to).as_bytes(), &package);
    }
    for end in (0..info.len()).step_by(info.len() / 8) {
        case(&format!("description cut at {end}"), &info[..end], &package);
    }
    let (info, package) = streams(&standard(&letter(), "VelvetSweatshop"));
    for end in (0..info.len()).step_by(12) {
        case(&format!("standard description cut at {end}"), &info[..end], &package);
    }
    for at in (8..info.len() - 4).step_by(8) {
        let mut bytes = info.clone();
        bytes[at..at + 4].fill(0xff);
        case(&format!("standard description is wrong at {at}"), &bytes, &package);
    }
    let bomb = archives::docx(&"<w:p><w:r><w:t>aaaaaaaa</w:t></w:r></w:p>".repeat(300_000));
    let (info, package) = streams(&standard(&bomb, "VelvetSweatshop"));
    case("a bomb inside", &info, &package);
    cases
}

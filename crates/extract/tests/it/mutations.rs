//! Documents that were damaged by chance: made ones always, and those of `DOSSIER_CORPUS` where there
//! are any. Whatever comes of it, the parent lives, and each has a typed outcome within its limits.
//!
//! `DOSSIER_MUTATIONS` says how many, `DOSSIER_MUTATIONS_SEED` with which seed, and
//! `DOSSIER_MUTATIONS_FROM` with which number to begin: a mutant depends on its seed and its number only,
//! so one that did harm can be made again. `DOSSIER_MUTATIONS_KEEP` names a folder for those.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use extract::FailureCode;

use crate::{
    archives, documents,
    hostile::{AT_THE_SAME_TIME, Case, LIMITS, good, outcome},
    read_with,
};

/// Without being asked for more: about twenty seconds of processor time.
const FEW: u64 = 2000;
const SEED: u64 = 20_261_123;
/// Larger files take most of the time and show little more.
const LARGEST: u64 = 600_000;
const SLOW: Duration = Duration::from_secs(3);

/// SplitMix64: small, and any number is a good seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Somewhere in what has this length, and mostly not far.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let most = match self.below(4) {
            0 => length,
            1 => 1024,
            _ => 32,
        };
        let start = self.below(length);
        start..(start + 1 + self.below(most)).min(length)
    }
}

/// Numbers that programs have been surprised by.
const NUMBERS: [&str; 8] = ["0", "-1", "255", "65536", "2147483647", "4294967295", "99999999999", "1e309"];

/// One to four damages, and what they are called.
fn mutated(whole: &[u8], other: &[u8], chance: &mut Chance) -> (Vec<u8>, String) {
    let (mut bytes, mut what) = (whole.to_vec(), Vec::new());
    for _ in 0..=chance.below(4) {
        if bytes.is_empty() {
            break;
        }
        let range = chance.range(bytes.len());
        what.push(match chance.below(9) {
            0 => {
                bytes.truncate(range.start);
                "cut"
            }
            1 | 2 => {
                for _ in 0..=chance.below(12) {
                    let at = chance.below(bytes.len());
                    bytes[at] ^= 1 << chance.below(8);
                }
                "bits flipped"
            }
            3 => {
                let fill = [0x00, 0xff, 0x80, b'9'][chance.below(4)];
                bytes[range].fill(fill);
                "filled"
            }
            4 => {
                bytes[range].fill_with(|| chance.next() as u8);
                "noise"
            }
            5 => {
                let chunk: Vec<u8> = bytes.drain(range).collect();
                let at = chance.below(bytes.len() + 1);
                bytes.splice(at..at, chunk);
                "moved"
            }
            6 => {
                let chunk = bytes[range].to_vec();
                let at = chance.below(bytes.len());
                bytes.splice(at..at, chunk);
                "doubled"
            }
            7 => {
                let from = chance.range(other.len());
                let chunk = other.get(from).unwrap_or_default().to_vec();
                bytes.splice(range, chunk);
                "mixed with another"
            }
            _ => {
                // The number that stands there, or none.
                let start = range.start + bytes[range.start..].iter().take_while(|b| !b.is_ascii_digit()).count();
                let digits = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
                bytes.splice(start..start + digits, NUMBERS[chance.below(NUMBERS.len())].bytes());
                "another number"
            }
        });
    }
    (bytes, what.join(", "))
}

/// An archive with nothing compressed, so that damage comes as far as to what is in it.
fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize, width: usize| {
        let field = bytes.get(at..at + width)?;
        Some(field.iter().rev().fold(0usize, |n, b| n << 8 | usize::from(*b)))
    };
    let end = bytes.windows(4).rposition(|w| w == b"PK\x05\x06")?;
    let (count, mut at) = (number(end + 10, 2)?, number(end + 16, 4)?);
    let mut entries = Vec::new();
    for _ in 0..count {
        let (method, packed) = (number(at + 10, 2)?, number(at + 20, 4)?);
        let (name, more, local) = (number(at + 28, 2)?, number(at + 30, 2)? + number(at + 32, 2)?, number(at + 42, 4)?);
        let start = local + 30 + number(local + 26, 2)? + number(local + 28, 2)?;
        let content = bytes.get(start..start + packed)?;
        let mut plain = content.to_vec();
        if method == 8 {
            plain.clear();
            flate2::read::DeflateDecoder::new(content).take(4 << 20).read_to_end(&mut plain).ok()?;
        }
        entries.push((String::from_utf8_lossy(bytes.get(at + 46..at + 46 + name)?).into_owned(), plain));
        at += 46 + name + more;
    }
    let entries: Vec<(&str, &[u8])> = entries.iter().map(|(name, plain)| (name.as_str(), plain.as_slice())).collect();
    Some(archives::stored(&entries))
}

/// What is there to be damaged.
fn whole() -> Vec<Case> {
    let mut all = good();
    if let Some(root) = std::env::var_os("DOSSIER_CORPUS") {
        let root = Path::new(&root);
        let manifest = std::fs::read_to_string(root.join("manifest.tsv")).unwrap();
        for file in manifest.lines().skip(1).filter_map(|line| line.split('\t').next()) {
            let path = root.join(file);
            if path.metadata().unwrap().len() > LARGEST {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            if let Some(media_type) = extract::sniff(&bytes[..bytes.len().min(8192)], file) {
                all.push(Case::new(file, media_type, bytes));
            }
        }
    } else {
        eprintln!("only documents that were made for it are damaged: DOSSIER_CORPUS names no folder");
    }
    let loose: Vec<Case> = all
        .iter()
        .filter(|case| case.bytes.starts_with(b"PK"))
        .filter_map(|case| Some(Case::new(format!("{} unpacked", case.name), case.media_type, unpacked(&case.bytes)?)))
        .collect();
    assert!(loose.len() >= 5, "{}", loose.len());
    all.extend(loose);
    all
}

fn mutant(whole: &[Case], seed: u64, number: u64) -> Case {
    let mut chance = Chance(seed.wrapping_mul(0x1_0000_0001).wrapping_add(number));
    let case = &whole[chance.below(whole.len())];
    let other = &whole[chance.below(whole.len())];
    let (bytes, what) = mutated(&case.bytes, &other.bytes, &mut chance);
    Case::new(format!("seed {seed} number {number}: {} ({what})", case.name), case.media_type, bytes)
}

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Processor time of the processes that this one has waited for.
fn spent() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // A tick is a hundredth of a second wherever Linux shows it to programs.
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis((ticks(13) + ticks(14)) * 10)
}

#[test]
fn a_mutant_can_be_made_again_and_is_not_what_it_was_made_of() {
    let whole = good();
    let all: Vec<Vec<u8>> = (0..50).map(|number| mutant(&whole, SEED, number).bytes).collect();
    for (number, bytes) in (0..).zip(&all) {
        assert_eq!(*bytes, mutant(&whole, SEED, number).bytes);
    }
    let changed = all.iter().filter(|bytes| whole.iter().all(|case| case.bytes != **bytes)).count();
    assert!(changed > 45, "{changed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_was_damaged_by_chance_has_a_known_outcome() {
    let (count, seed) = (asked("DOSSIER_MUTATIONS").unwrap_or(FEW), asked("DOSSIER_MUTATIONS_SEED").unwrap_or(SEED));
    let first = asked("DOSSIER_MUTATIONS_FROM").unwrap_or(0);
    let keep: Option<PathBuf> = std::env::var_os("DOSSIER_MUTATIONS_KEEP").map(PathBuf::from);
    let whole = Arc::new(whole());
    let (next, started, before) = (Arc::new(AtomicU64::new(first)), Instant::now(), spent());
    let workers: Vec<_> = (0..AT_THE_SAME_TIME)
        .map(|_| {
            let (whole, next, keep) = (whole.clone(), next.clone(), keep.clone());
            tokio::spawn(async move {
                let mut outcomes = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= first + count {
                        return outcomes;
                    }
                    let case = mutant(&whole, seed, number);
                    let (what, took, name) = outcome(&case).await;
                    if let Some(folder) = keep.as_ref().filter(|_| is_worth_a_look(&what, took)) {
                        std::fs::write(folder.join(format!("{seed}-{number}")), &case.bytes).unwrap();
                    }
                    outcomes.push((what, took, name));
                }
            })
        })
        .collect();
    let (mut crashed, mut outcomes) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut longest = Duration::ZERO;
    for worker in workers {
        for (what, took, name) in worker.await.unwrap() {
            if is_worth_a_look(&what, took) {
                println!("{name} took {} ms: {what}", took.as_millis());
            }
            if what.contains(FailureCode::Crashed.as_str()) {
                crashed.push(name);
            }
            longest = longest.max(took);
            *outcomes.entry(what).or_default() += 1;
        }
    }
    println!(
        "{count} mutants of {} documents from number {first} with seed {seed} in {} s ({} s of processor time, \
         the longest {} ms): {outcomes:?}",
        whole.len(),
        started.elapsed().as_secs(),
        (spent() - before).as_secs(),
        longest.as_millis()
    );
    // A reader that dies by itself is contained, but is not what is meant to happen.
    assert!(crashed.is_empty(), "{crashed:#?}");
    let after = read_with(LIMITS, &documents::pdf(&["Still here"]), "application/pdf").await.unwrap();
    assert_eq!(after.pages[0].text, "Still here");
}

fn is_worth_a_look(what: &str, took: Duration) -> bool {
    took > SLOW || what.contains(FailureCode::Crashed.as_str())
}

//! Recall over a folder of real documents, which `DOSSIER_CORPUS` names. Its `manifest.tsv` has a line
//! for each: file, reference text, bytes, class and more.

use std::{collections::HashMap, path::Path};

use extract::{Extractor, Limits};

/// The mean measured over the PDFs with text was 0.982; this is a small margin below.
const FLOOR: f64 = 0.98;

fn words(text: &str) -> HashMap<String, usize> {
    let mut words = HashMap::new();
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        *words.entry(word.to_owned()).or_default() += 1;
    }
    words
}

/// The part of the reference's words that was found.
fn recall(reference: &str, found: &str) -> Option<f64> {
    let (reference, found) = (words(reference), words(found));
    let all: usize = reference.values().sum();
    let both: usize = reference.iter().map(|(word, n)| *n.min(found.get(word).unwrap_or(&0))).sum();
    (all > 0).then(|| both as f64 / all as f64)
}

#[tokio::test]
async fn recall_over_real_documents_does_not_fall() {
    let Some(root) = std::env::var_os("DOSSIER_CORPUS") else {
        eprintln!("NOT TESTED on real documents: DOSSIER_CORPUS names no folder");
        return;
    };
    let root = Path::new(&root);
    let extractor = Extractor::new(env!("CARGO_BIN_EXE_dossier-extract").into(), Limits::default());
    let manifest = std::fs::read_to_string(root.join("manifest.tsv")).unwrap();
    let mut recalls = Vec::new();
    for line in manifest.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let (file, reference, class) = (columns[0], columns[1], columns[3]);
        let bytes = std::fs::read(root.join(file)).unwrap();
        let Some(media_type) = extract::sniff(&bytes[..bytes.len().min(8192)], file) else { continue };
        let read = extractor.extract(std::fs::File::open(root.join(file)).unwrap(), media_type).await;
        let text = match &read {
            Ok(read) => read.pages.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join("\n"),
            Err(_) => String::new(),
        };
        let expected = std::fs::read_to_string(root.join(reference)).unwrap_or_default();
        let outcome = match &read {
            Ok(read) => format!("{} pages by {}", read.pages.len(), read.engine),
            Err(failure) => failure.code.as_str().to_owned(),
        };
        if class == "password" && reference.is_empty() {
            assert!(read.is_err(), "{file} has a password");
        }
        if let Some(recall) = recall(&expected, &text) {
            println!("{recall:.3} {file} ({outcome})");
            if class == "text" && media_type == "application/pdf" {
                recalls.push(recall);
            }
        }
    }
    let mean = recalls.iter().sum::<f64>() / recalls.len() as f64;
    println!("mean recall over {} PDFs with text: {mean:.3}", recalls.len());
    assert!(mean >= FLOOR, "recall fell to {mean:.3}");
}

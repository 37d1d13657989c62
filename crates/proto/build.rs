//! Compiles `proto/` without protoc.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let files: Vec<PathBuf> = [
        "contacts/v1/contacts",
        "documents/v1/documents",
        "documents/v1/truth",
        "indexer/v1/indexer",
        "search/v1/search",
    ]
    .iter()
    .map(|name| root.join(format!("dossier/{name}.proto")))
    .collect();
    for file in &files {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    let descriptors = protox::compile(&files, [&root])?;
    tonic_prost_build::configure()
        .bytes(".dossier.documents.v1.UploadRequest")
        .bytes(".dossier.documents.v1.ReadContentResponse")
        .bytes(".dossier.documents.v1.ReadLeasedResponse")
        .bytes(".dossier.documents.v1.ExportResponse")
        .bytes(".dossier.documents.v1.ImportRequest")
        .bytes(".dossier.documents.v1.Records")
        .bytes(".dossier.contacts.v1.ExportResponse")
        .bytes(".dossier.contacts.v1.ImportRequest")
        .bytes(".dossier.indexer.v1.DrawPageResponse")
        .bytes(".dossier.documents.v1.AttachRequest")
        .compile_fds(descriptors)?;
    Ok(())
}

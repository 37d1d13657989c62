//! The contracts between the services, generated from `proto/`; nothing here is written by hand.
//!
//! Meaning, units and errors are documented beside each message in the `.proto` files.
#![allow(missing_docs, clippy::all)]

/// Contacts, submissions of the contact form, visit counters.
pub mod contacts {
    tonic::include_proto!("dossier.contacts.v1");
}

/// Documents, collections and the work to be done on them.
pub mod documents {
    tonic::include_proto!("dossier.documents.v1");
}

/// Administration of the search index.
pub mod indexer {
    tonic::include_proto!("dossier.indexer.v1");
}

/// Queries over documents.
pub mod search {
    tonic::include_proto!("dossier.search.v1");
}

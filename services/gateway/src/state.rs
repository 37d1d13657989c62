//! What handlers work with.

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use chassis::{CancellationToken, Health, grpc::Channel};
use proto::{
    contacts::contacts_client::ContactsClient, documents::documents_client::DocumentsClient,
    indexer::indexer_client::IndexerClient, search::analytics_client::AnalyticsClient,
    search::search_client::SearchClient,
};

use crate::{
    access::Access, bundle::Imports, config::Config, limits::Limits, mail::Mail, oidc::Oidc, origins::Origins,
    overload::Load, pace::Pace, password::Passwords, stale::Stale, store::Store, webhooks::Webhooks,
};

/// The text of a long document comes in one message.
const LARGEST_MESSAGE: usize = 64 << 20;

/// The same for all threads.
pub(crate) struct Shared {
    pub(crate) access: Access,
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) limits: Limits,
    pub(crate) load: Load,
    pub(crate) pace: Pace,
    pub(crate) stale: Stale,
    pub(crate) webhooks: Webhooks,
    pub(crate) imports: Imports,
    /// When there is a server that takes mail.
    pub(crate) mail: Option<Mail>,
    /// When people may sign in with accounts that they have elsewhere.
    pub(crate) oidc: Option<Oidc>,
    pub(crate) health: Health,
    /// `scheme://host[:port]`, or "".
    pub(crate) origin: String,
    pub(crate) trusted_proxies: Vec<IpAddr>,
    pub(crate) allowed_origins: Origins,
    /// Where a backup writes down how it went.
    pub(crate) backups: Option<PathBuf>,
    pub(crate) session_days: u32,
    pub(crate) upload_link_max_bytes: u64,
    pub(crate) stop: CancellationToken,
}

impl Shared {
    /// Whether browsers come by TLS.
    pub(crate) fn secure(&self) -> bool {
        self.origin.starts_with("https://")
    }
}

/// One for each serving thread, with connections of its own: a call and the connection it uses
/// then run on the same thread, and nothing has to wake another one.
pub(crate) struct State {
    pub(crate) shared: Arc<Shared>,
    pub(crate) contacts: ContactsClient<Channel>,
    pub(crate) documents: DocumentsClient<Channel>,
    pub(crate) indexer: IndexerClient<Channel>,
    pub(crate) search: SearchClient<Channel>,
    pub(crate) analytics: AnalyticsClient<Channel>,
}

impl State {
    /// Must be called on the thread that will use it.
    pub(crate) fn new(shared: Arc<Shared>, channels: Channels) -> Self {
        Self {
            shared,
            contacts: ContactsClient::new(channels.contacts),
            documents: DocumentsClient::new(channels.documents).max_decoding_message_size(LARGEST_MESSAGE),
            indexer: IndexerClient::new(channels.indexer),
            search: SearchClient::new(channels.search.clone()),
            analytics: AnalyticsClient::new(channels.search),
        }
    }
}

/// A connection to each service.
pub(crate) struct Channels {
    pub(crate) contacts: Channel,
    pub(crate) documents: Channel,
    pub(crate) indexer: Channel,
    pub(crate) search: Channel,
}

impl Channels {
    /// Connects on first use.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        let connect = |url: &str| chassis::grpc::connect(url, &config.rpc_token);
        Ok(Self {
            contacts: connect(&config.contacts_url)?,
            documents: connect(&config.documents_url)?,
            indexer: connect(&config.indexer_url)?,
            search: connect(&config.search_url)?,
        })
    }
}

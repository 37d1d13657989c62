//! Leases work from `documents`, extracts text, derives insights, feeds the search engine.
//!
//! Owns no table and no state that matters: killed at any instant it loses nothing, since the work
//! is a row that somebody else leases when this lease runs out, and repeats nothing visible, since
//! only the holder of the lease can complete or settle. `worker` is lease → step → settle; `step` is
//! what is done in between; `lease` keeps the leases in hand and stops a step whose lease is lost;
//! `documents` and `engine` hold the only calls to those two. Documents themselves are opened by a
//! child process only (see the crate `extract`).
//!
//! **What is down fails no document.** While documents cannot be reached, nothing is leased, and a
//! step that is under way waits for it as long as its lease may hold. While the search engine is
//! down, only extraction is leased, so that new documents are read and PostgreSQL finds them; what
//! then only needs the engine goes back with the code `engine_unavailable` and waits in the database,
//! where it is left until the engine answers again. Work that is handed back like this, or because
//! the service stops (`unavailable`), uses up no attempt: `documents` knows these two codes. An
//! attempt is used up by what may be the document's fault: a reader that fails on it, or a process
//! that dies with it.
//!
//! **The index is kept true.** One indexer at a time compares what the engine holds with what
//! documents says it must hold, and mends the difference; where there is no index, or one with other
//! settings, it builds a successor beside it and promotes that (`truth`, `rebuild`). What search knows
//! of words that stand for others is given to the engine as well (`synonyms`).
//!
//! **Attachments.** What is attached to a message is handed to documents before the text of the message
//! is, under the same lease, and becomes documents of their own.
//!
//! **Passwords** come from a person by way of the gateway, are tried once under a lease that is taken for
//! that document, and are kept nowhere: when this process dies, the document is locked as before.
//!
//! **Pictures of pages** are drawn by the same child when somebody asks for one, and kept in memory for
//! a while (`pictures`). Documents is asked on behalf of whoever wants to see one, each time.
//!
//! **Slots.** A document that is being read holds one of a few slots; one that only waits for the
//! engine does not, so that the engine gets many at once, as it likes them, and nobody waits for it
//! to be read. What is in hand is bounded by both.

mod completion;
mod config;
mod documents;
mod engine;
mod error;
mod grpc;
mod lease;
mod parts;
mod pictures;
mod rebuild;
mod step;
mod synonyms;
mod truth;
mod worker;

use std::{net::SocketAddr, time::Duration};

use chassis::{CancellationToken, Health, ProcessConfig, Service, grpc::Server};
use extract::{Extractor, Renderer};
use proto::indexer::indexer_server::IndexerServer;
use tonic::service::Routes;

pub use config::{Config, Drawing, Keeping, Migration, Reading};

use crate::{
    documents::Documents,
    engine::Engine,
    pictures::Pictures,
    step::{Lanes, Step},
    synonyms::Synonyms,
    truth::Keeper,
    worker::Worker,
};

/// The service, bound and not yet working.
#[derive(Debug)]
pub struct App {
    server: Server,
    worker: Worker,
    keeper: Keeper,
    engine: Engine,
    synonyms: Option<Synonyms>,
    pictures: Pictures,
    finish: Duration,
    health: Health,
}

impl Service for App {
    const NAME: &'static str = "indexer";
    const ABOUT: &'static str = "Leases work, extracts text, derives insights, feeds the search engine";
    type Config = Config;
    type Migration = Migration;

    fn process(config: &Config) -> &ProcessConfig {
        &config.process
    }

    async fn migrate(_: Migration) -> anyhow::Result<()> {
        Ok(())
    }

    async fn build(config: Config, health: Health) -> anyhow::Result<Self> {
        // Declared before anybody asks whether we are ready: until it answers, we are not.
        let dependency = health.dependency("documents", true);
        let (reached, keyring) = config.engine()?;
        let engine = Engine::new(&reached, keyring, &health)?;
        let synonyms = match &config.search_url {
            Some(url) if engine.is_configured() => Some(Synonyms::new(url, &config.grpc.rpc_token, engine.clone())?),
            _ => None,
        };
        let documents = Documents::new(&config.documents_url, &config.grpc.rpc_token)?;
        let extractor =
            Extractor::new(config.reading.program()?, config.reading.limits()).with_ocr(config.reading.ocr());
        let keeper = Keeper::new(documents.clone(), engine.clone(), config.keeping);
        let spool = config.reading.spool()?;
        let renderer = Renderer::new(config.reading.program()?, config.drawing.limits(&config.reading));
        let pictures = Pictures::new(documents.clone(), renderer, spool.clone(), &config.drawing);
        let lanes = Lanes::new(config.reading.glance(), config.reading.slow_workers);
        let step = Step::new(documents.clone(), extractor, engine.clone(), pictures.clone(), spool, lanes);
        let worker = Worker::new(documents, dependency, engine.clone(), step, config.reading.workers);
        let server = Server::bind(&config.grpc).await?;
        let finish = Duration::from_secs(config.finish_seconds);
        Ok(Self { server, worker, keeper, engine, synonyms, pictures, finish, health })
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let api = grpc::Api::new(self.engine.clone(), self.worker.clone(), self.keeper.clone(), self.pictures.clone());
        let routes = Routes::new(IndexerServer::new(api));
        // Until the last step has ended.
        let watching = CancellationToken::new();
        let working = async {
            let _watching = watching.clone().drop_guard();
            self.worker.run(shutdown.clone(), self.finish).await;
            Ok(())
        };
        let watching_engine = async {
            self.engine.watch(watching.clone()).await;
            Ok(())
        };
        let keeping = async {
            self.keeper.run(shutdown.clone()).await;
            Ok(())
        };
        let keeping_synonyms = async {
            if let Some(synonyms) = self.synonyms {
                synonyms.run(shutdown.clone()).await;
            }
            Ok(())
        };
        tokio::try_join!(
            self.server.serve(routes, self.health, shutdown.clone()),
            working,
            watching_engine,
            keeping,
            keeping_synonyms
        )?;
        Ok(())
    }
}

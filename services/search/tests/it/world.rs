use chassis::{
    Caller, ProcessConfig, Service,
    grpc::{Channel, GrpcConfig},
};
use pg::PgConfig;
use proto::search::{Hit, QueryRequest, QueryResponse, SuggestRequest, search_client::SearchClient};
use search::{App, Config};
use search_index::{Engine, EngineConfig, PageRecord};
use testkit::{Database, Running, as_caller, engine::FakeMeilisearch};
use uuid::Uuid;

pub(crate) const PUBLIC: Uuid = Uuid::from_u128(0xa);
pub(crate) const INTERNAL: Uuid = Uuid::from_u128(0xb);
pub(crate) const RESTRICTED: Uuid = Uuid::from_u128(0xc);

/// The service with what it reads from.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) owner: tokio_postgres::Client,
    pub(crate) fake: FakeMeilisearch,
    pub(crate) engine: Engine,
    served_engine: Option<Engine>,
    /// What the service was started with.
    pub(crate) config: Config,
    pub(crate) running: Running,
    pub(crate) client: SearchClient<Channel>,
}

/// A document as it is stored and indexed.
#[derive(Clone, Debug)]
pub(crate) struct Doc {
    pub(crate) id: Uuid,
    pub(crate) collection: Uuid,
    pub(crate) title: String,
    pub(crate) pages: Vec<String>,
    pub(crate) language: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) tags: Vec<String>,
    /// Seconds since 1970-01-01 UTC.
    pub(crate) created_at: i64,
    pub(crate) keywords: Vec<&'static str>,
}

pub(crate) fn doc(title: &str, pages: &[&str]) -> Doc {
    Doc {
        id: Uuid::now_v7(),
        collection: PUBLIC,
        title: title.to_owned(),
        pages: pages.iter().map(|p| (*p).to_owned()).collect(),
        language: "en",
        media_type: "application/pdf",
        tags: Vec::new(),
        created_at: 1_767_225_600,
        keywords: Vec::new(),
    }
}

/// With the engine, and with PostgreSQL alone.
pub(crate) async fn both() -> [World; 2] {
    [World::start(true).await, World::start(false).await]
}

impl World {
    /// The engine is a real one when `MEILI_URL` (and `MEILI_KEY`) name it, else the stand-in.
    pub(crate) async fn start(with_engine: bool) -> World {
        let mut world = World::start_on(testkit::database().await, with_engine, |config| {
            if let (true, Ok(url)) = (with_engine, std::env::var("MEILI_URL")) {
                config.engine = EngineConfig::new(Some(&url), std::env::var("MEILI_KEY").ok().as_deref());
                config.engine.meili_index = format!("search_{}", Uuid::new_v4().simple());
                // A machine full of tests is slow.
                config.engine_deadline_ms = 5_000;
            }
        })
        .await;
        if let Some(engine) = world.served_engine.take() {
            engine.ensure_index().await.unwrap();
            world.engine = engine;
        }
        world
    }

    /// With the stand-in.
    pub(crate) async fn start_with_stand_in() -> World {
        World::start_on(testkit::database().await, true, |_| {}).await
    }

    pub(crate) async fn start_on(database: Database, with_engine: bool, tune: impl FnOnce(&mut Config)) -> World {
        for documents in [
            include_str!("../../../documents/migrations/V0001__create_documents.sql"),
            include_str!("../../../documents/migrations/V0003__index_state.sql"),
            include_str!("../../../documents/migrations/V0004__search_fresh.sql"),
            include_str!("../../../documents/migrations/V0006__speed_up_search.sql"),
            include_str!("../../../documents/migrations/V0008__find_keywords.sql"),
        ] {
            database.apply("documents", documents).await;
        }
        for contacts in [
            include_str!("../../../contacts/migrations/V0001__create_contacts.sql"),
            include_str!("../../../contacts/migrations/V0002__publish_counts.sql"),
            include_str!("../../../contacts/migrations/V0003__links.sql"),
            include_str!("../../../contacts/migrations/V0005__merge_contacts.sql"),
            include_str!("../../../contacts/migrations/V0006__publish_suggestions.sql"),
        ] {
            database.apply("contacts", contacts).await;
        }
        App::migrate(database.migration()).await.unwrap();
        let owner = database.client("owner").await;
        owner
            .batch_execute(&format!(
                "SET search_path = documents, public;
                 INSERT INTO collections (id, name, visibility) VALUES
                 ('{PUBLIC}', 'Public', 'public'), ('{INTERNAL}', 'Internal', 'internal'), ('{RESTRICTED}', 'Restricted', 'restricted')"
            ))
            .await
            .unwrap();
        let fake = FakeMeilisearch::start().await;
        let engine_config = EngineConfig::new(Some(&fake.url), Some(&fake.key));
        let engine = Engine::connect(&engine_config).unwrap();
        engine.ensure_index().await.unwrap();
        let mut config = Config {
            process: ProcessConfig::default(),
            grpc: GrpcConfig {
                listen_addr: ([127, 0, 0, 1], 0).into(),
                rpc_token: testkit::rpc_token(),
                rpc_concurrency: 512,
            },
            pg: PgConfig::new(database.url("search")),
            engine: if with_engine { engine_config } else { EngineConfig::new(None, None) },
            engine_deadline_ms: 800,
            engine_failures: 2,
            engine_pause_ms: 300,
            past_queries_every_ms: 600_000,
        };
        tune(&mut config);
        let served_engine = config.engine.engine().unwrap();
        let running = testkit::serve::<App>(config.clone()).await;
        let client = SearchClient::new(running.channel());
        World { database, owner, fake, engine, served_engine, config, running, client }
    }

    /// Into PostgreSQL and the engine.
    pub(crate) async fn add(&self, documents: &[Doc]) {
        for document in documents {
            self.store(document).await;
            self.engine.put_pages(&records(document, 1)).await.unwrap();
        }
    }

    /// Into PostgreSQL, as the indexer's Complete would.
    pub(crate) async fn store(&self, d: &Doc) {
        let pages = i32::try_from(d.pages.len()).unwrap();
        let keywords: Vec<_> = d.keywords.iter().map(|k| format!(r#"{{"term":"{k}","confidence":0.9}}"#)).collect();
        let insights = format!(r#"{{"keywords":[{}]}}"#, keywords.join(","));
        self.owner
            .execute(
                "INSERT INTO documents (id, collection_id, title, file_name, media_type, size, sha256, tags, status,
                    extracted_version, page_count, language, created_at)
                 VALUES ($1, $2, $3, 'scan.pdf', $4, 1, '', $5, 'ready', 1, $6, $7, to_timestamp($8::bigint))",
                &[&d.id, &d.collection, &d.title, &d.media_type, &d.tags, &pages, &d.language, &d.created_at],
            )
            .await
            .unwrap();
        self.owner
            .execute(
                "INSERT INTO insights (document_id, version, insights, extractor_version)
                 VALUES ($1, 1, $2::text::jsonb, 1)",
                &[&d.id, &insights],
            )
            .await
            .unwrap();
        self.owner
            .execute("INSERT INTO keywords (document_id, term) SELECT $1, unnest($2::text[])", &[&d.id, &d.keywords])
            .await
            .unwrap();
        for (number, text) in (1i32..).zip(&d.pages) {
            self.owner
                .execute(
                    "INSERT INTO pages (document_id, version, number, text, language, tsv)
                     VALUES ($1, 1, $2, $3, $4, page_tsv($3, $4))",
                    &[&d.id, &number, text, &d.language],
                )
                .await
                .unwrap();
            self.owner
                .execute(
                    "INSERT INTO vocabulary SELECT DISTINCT lower(w) FROM regexp_split_to_table($1, '[^[:alpha:]]+') w
                     WHERE length(w) >= 3 ON CONFLICT DO NOTHING",
                    &[text],
                )
                .await
                .unwrap();
        }
    }

    pub(crate) async fn ask_as(&self, caller: Caller, request: QueryRequest) -> QueryResponse {
        as_caller(caller, self.client.clone().query(request)).await.unwrap().into_inner()
    }

    pub(crate) async fn ask(&self, q: &str) -> QueryResponse {
        self.ask_as(testkit::owner(), query(q)).await
    }

    pub(crate) async fn suggest(&self, caller: Caller, q: &str) -> Vec<(String, String)> {
        let request = SuggestRequest { q: q.to_owned(), limit: 0, contacts: true };
        let answer = as_caller(caller, self.client.clone().suggest(request)).await.unwrap().into_inner();
        answer.items.into_iter().map(|s| (s.kind, s.text)).collect()
    }
}

pub(crate) fn query(q: &str) -> QueryRequest {
    QueryRequest { q: q.to_owned(), ..QueryRequest::default() }
}

pub(crate) fn records(d: &Doc, version: i32) -> Vec<PageRecord> {
    let page = |(page, text): (i32, &String)| PageRecord {
        id: PageRecord::id_of(d.id, page),
        document_id: d.id,
        version,
        page,
        page_count: i32::try_from(d.pages.len()).unwrap(),
        collection_id: d.collection,
        title: d.title.clone(),
        file_name: "scan.pdf".to_owned(),
        text: text.clone(),
        language: d.language.to_owned(),
        media_type: d.media_type.to_owned(),
        tags: d.tags.clone(),
        created_at: d.created_at,
    };
    (1..).zip(&d.pages).map(page).collect()
}

/// Title and page of each hit.
pub(crate) fn hits(answer: &QueryResponse) -> Vec<(&str, i32)> {
    answer.hits.iter().map(|h| (h.title.as_str(), h.page)).collect()
}

/// The parts of the snippet that its ranges name.
pub(crate) fn marked(hit: &Hit) -> Vec<String> {
    let characters: Vec<char> = hit.snippet.chars().collect();
    let part = |r: &proto::search::Range| characters[r.start as usize..r.end as usize].iter().collect();
    hit.ranges.iter().map(part).collect()
}

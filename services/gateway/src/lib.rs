//! The public HTTP API, the web pages, and who may come in.
//!
//! Everything that comes from outside passes here, once, through [`middleware`]: it gives a request
//! its id, trace, caller and deadline, and writes out whatever problem it ends with. Then `routes/`
//! translates HTTP into calls of the services that know what is valid, and `pages/` shows the same
//! to people, in the words of `words/`. [`problem`] holds the only choice of an HTTP status in the system.
//!
//! The gateway owns people, sessions, API tokens and their audit log (schema `access`, `store`).
//! Who calls is answered from memory ([`access`]), so that a request costs no query, and a
//! revocation holds from the next request all the same. It never stores documents or contacts: a
//! file streams through it in bounded chunks.
//!
//! Each serving thread has its own connections to the services, so a request is handled without a
//! hand-over between threads.

mod access;
mod bundle;
mod call;
mod config;
mod deliveries;
mod domain;
mod error;
mod limits;
mod mail;
mod middleware;
mod oidc;
mod openapi;
mod origins;
mod overload;
mod pace;
mod pages;
mod password;
mod prober;
mod probes;
mod problem;
mod query;
mod routes;
mod sealing;
mod secret;
mod stale;
mod state;
mod store;
mod totp;
mod webhooks;
mod wire;
mod words;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App as Routing, HttpServer,
    middleware::from_fn,
    web::{self, Data},
};
use anyhow::Context;
use chassis::{CancellationToken, Dependency, ExposeSecret, Health, ProcessConfig, Service};
use pg::{Listener, MigrateConfig, Pool};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    access::Access,
    bundle::Imports,
    domain::Check,
    error::Error,
    limits::Limits,
    mail::Mail,
    oidc::{Oidc, Rules},
    origins::Origins,
    overload::Load,
    pace::Pace,
    password::Passwords,
    problem::Problem,
    sealing::Sealing,
    stale::Stale,
    state::{Channels, Shared, State},
    store::{CHANNEL, Lifetime, Store},
    webhooks::Webhooks,
};

pub use config::{Config, MailConfig, OidcConfig};

const SCHEMA: &str = "access";
/// Sessions and idempotency keys that are over go away this often.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// Rate limits forget whom they need not remember this often.
const FORGET_EVERY: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_millis(200);
/// A request's header fields must have arrived by then.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Longer than a proxy keeps an idle connection, so that it is not closed under a request.
const KEEP_ALIVE: Duration = Duration::from_secs(150);
const DRAIN_SECONDS: u64 = 20;
const BACKLOG: u32 = 2048;

mod schema {
    #![allow(missing_docs)]
    refinery::embed_migrations!("migrations");
}

/// The gateway, bound and not yet serving.
pub struct App {
    listener: std::net::TcpListener,
    addr: SocketAddr,
    config: Config,
    pool: Pool,
    health: Health,
}

impl Service for App {
    const NAME: &'static str = "gateway";
    const ABOUT: &'static str = "The public HTTP API, the web pages and their sessions";
    type Config = Config;
    type Migration = MigrateConfig;

    fn process(config: &Config) -> &ProcessConfig {
        &config.process
    }

    async fn migrate(migration: MigrateConfig) -> anyhow::Result<()> {
        pg::migrate(&migration, SCHEMA, schema::migrations::runner()).await
    }

    async fn build(config: Config, health: Health) -> anyhow::Result<Self> {
        allow_many_connections();
        let listener =
            bind(config.listen_addr).with_context(|| format!("the address {} cannot be bound", config.listen_addr))?;
        // A URL that cannot be right is said now, not at the first request.
        Channels::new(&config)?;
        Rules::new(&config.oidc)?;
        Sealing::new(config.sealing_key.as_ref())?;
        Ok(Self { addr: listener.local_addr()?, listener, pool: Pool::new(&config.pg)?, config, health })
    }

    fn addr(&self) -> SocketAddr {
        self.addr
    }

    async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Self { listener, config, pool, health, .. } = self;
        let database = health.dependency("postgresql", true);
        let owner = config.dossier_owner_password.is_some().then(|| health.dependency("first_owner", true));
        let secrets = health.dependency("sealed_secrets", false);
        let probed = config.prober_token.is_some().then(|| health.dependency("prober_account", false));
        let told = Listener::start(&config.pg, CHANNEL, shutdown.clone())?;
        let shared = Arc::new(shared(&config, pool.clone(), health.clone(), shutdown.clone())?);
        let following = {
            let (shared, stop) = (shared.clone(), shutdown.clone());
            async move {
                shared.access.follow(told, &shared.stale, stop).await;
                anyhow::Ok(())
            }
        };
        tokio::try_join!(
            serve(listener, &config, shared.clone(), shutdown.clone()),
            pg::watch(pool, SCHEMA, schema::migrations::runner(), database, shutdown.clone()),
            first_owner(&config, &shared, owner, shutdown.clone()),
            prober::settle(&config, &shared, probed, shutdown.clone()),
            sealing::run(&shared, secrets, shutdown.clone()),
            following,
            probes::watch(&config, &health, shutdown.clone()),
            webhooks::run(&config, shared.clone(), shutdown.clone()),
            mail::run(&config, shared.clone(), shutdown.clone()),
            tidy(&shared, shutdown),
        )?;
        Ok(())
    }
}

/// As many as this process may have: many systems give a thousand unless asked for more, which a crowd of slow
/// clients would use up.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open connections stays as it is");
    }
}

fn bind(addr: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = if addr.is_ipv4() { tokio::net::TcpSocket::new_v4()? } else { tokio::net::TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)?.into_std()
}

fn shared(config: &Config, pool: Pool, health: Health, stop: CancellationToken) -> anyhow::Result<Shared> {
    let lifetime = Lifetime { days: config.session_days, idle_hours: config.session_idle_hours };
    let store = Store::new(pool, lifetime, Sealing::new(config.sealing_key.as_ref())?);
    let origin = config.public_url.trim_end_matches('/').to_owned();
    Ok(Shared {
        access: Access::new(store.clone()),
        store,
        passwords: Passwords::new(&config.password_breach_url),
        limits: Limits::new(config),
        load: Load::new(config.max_in_flight),
        pace: Pace {
            bytes_per_second: config.body_bytes_per_second,
            grace: Duration::from_secs(config.body_grace_seconds),
        },
        stale: Stale::new(config.stale_mib << 20),
        webhooks: Webhooks::new(config),
        imports: Imports::new(),
        mail: Mail::new(&config.mail, &origin)?,
        oidc: Oidc::new(&config.oidc, &origin, &health)?,
        health,
        origin,
        trusted_proxies: config.trusted_proxies.clone(),
        allowed_origins: Origins::new(&config.allowed_origins),
        backups: config.backup_metrics_dir.clone(),
        session_days: config.session_days,
        upload_link_max_bytes: config.upload_link_max_bytes,
        stop,
    })
}

async fn serve(
    listener: std::net::TcpListener,
    config: &Config,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let workers = match config.http_workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        n => n,
    };
    let config = config.clone();
    let routing = move || {
        // Runs on the serving thread. The URLs were tried when the service was built.
        let channels = Channels::new(&config).expect("the URLs were checked");
        Routing::new()
            .app_data(Data::new(State::new(shared.clone(), channels)))
            .wrap(from_fn(middleware::around))
            .service(web::scope("/api/v1").configure(routes::api))
            .configure(routes::description)
            .configure(pages::pages)
            .default_service(web::to(async || {
                Err::<actix_web::HttpResponse, _>(Problem::from(chassis::Fault::not_found("resource")))
            }))
    };
    let server = HttpServer::new(routing)
        .workers(workers)
        .disable_signals()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIME)
        .shutdown_timeout(DRAIN_SECONDS)
        .tcp_nodelay(true)
        .listen(listener)?
        .run();
    let handle = server.handle();
    let stopping = async {
        shutdown.cancelled().await;
        handle.stop(true).await;
        Ok(())
    };
    tokio::try_join!(async { server.await.context("the HTTP server failed") }, stopping)?;
    Ok(())
}

/// Makes the first owner once the database is there. Never changes one that exists.
async fn first_owner(
    config: &Config,
    shared: &Shared,
    dependency: Option<Dependency>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (Some(password), Some(dependency)) = (&config.dossier_owner_password, dependency) else { return Ok(()) };
    let mut check = Check::default();
    let email = check.email("DOSSIER_OWNER_EMAIL", &config.dossier_owner_email);
    check.done()?;
    loop {
        let making = async {
            if shared.store.has_owner().await? {
                return Ok(false);
            }
            let mut check = Check::default();
            shared.passwords.examine(&mut check, "DOSSIER_OWNER_PASSWORD", password.expose_secret(), &[&email]).await;
            check.done()?;
            let hash = shared.passwords.hash(password.expose_secret().to_owned()).await?;
            shared.store.create_first_owner(&email, &hash).await
        };
        match making.await {
            Ok(made) => {
                if made {
                    tracing::info!("made the first owner");
                }
                dependency.up();
                return Ok(());
            }
            Err(Error::Database(pg::Error::Unavailable(cause))) => dependency.down(cause),
            Err(Error::Fault(fault)) => return Err(fault.into()),
            // A schema that is not there is reported by whoever checks its version.
            Err(error) => dependency.down(error),
        }
        if stop.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
            return Ok(());
        }
    }
}

async fn tidy(shared: &Shared, stop: CancellationToken) -> anyhow::Result<()> {
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    let mut forget = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            _ = sweep.tick() => {
                let sweeping = async {
                    shared.store.sweep().await?;
                    shared.store.sweep_links().await?;
                    shared.store.sweep_attempts().await?;
                    shared.store.sweep_invitations().await?;
                    shared.store.sweep_mails().await?;
                    shared.store.sweep_deliveries().await
                };
                if let Err(error) = sweeping.await {
                    tracing::debug!(%error, "what is over was not swept");
                }
            }
            _ = forget.tick() => shared.limits.forget(),
            () = stop.cancelled() => return Ok(()),
        }
    }
}

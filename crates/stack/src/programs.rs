//! How each program is started: arguments, environment, where its secrets are.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use crate::{Home, external::ExternalS3, process::Program, secrets::Secrets};

/// What of our own environment every service gets.
const PASSED_ON: [&str; 5] =
    ["RUST_LOG", "RUST_BACKTRACE", "LOG_FORMAT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_RESOURCE_ATTRIBUTES"];

/// What the services have to know of each other and of the rest.
pub(crate) struct Surroundings<'a> {
    pub(crate) home: &'a Home,
    pub(crate) secrets: &'a Secrets,
    pub(crate) ports: &'a BTreeMap<String, u16>,
    pub(crate) binaries: &'a Path,
    pub(crate) url: &'a str,
    pub(crate) owner_email: &'a str,
    pub(crate) s3: &'a ExternalS3,
    pub(crate) meili_url: Option<&'a str>,
}

impl Surroundings<'_> {
    fn local(&self, name: &str) -> String {
        local(self.ports[name])
    }

    fn program(&self, name: &str, file: &str) -> Program {
        let path = self.binaries.join(file);
        Program { record: Some(self.home.record(name)), ..Program::new(name, path, self.home.log(name)) }
    }

    pub(crate) fn service(&self, name: &str, extra: &[&BTreeMap<String, OsString>]) -> Program {
        let mut program = self.program(name, &format!("dossier-{name}"));
        let mut env = Environment::default();
        env.set("LISTEN_ADDR", self.local(name));
        env.set("ADMIN_ADDR", self.local(&admin(name)));
        env.set("TMPDIR", self.home.path().join("tmp"));
        // As in the images: what was freed goes back to the machine, such as what hashing passwords took.
        env.set("MALLOC_MMAP_THRESHOLD_", "1048576");
        env.set("MALLOC_ARENA_MAX", "4");
        env.secret("RPC_TOKEN", self.secrets, "rpc-token");
        for passed in PASSED_ON {
            if let Some(value) = std::env::var_os(passed) {
                env.set(passed, value);
            }
        }
        if let Some(role) = role(name) {
            env.secret("DATABASE_URL", self.secrets, &database_url(role));
        }
        match name {
            "documents" => self.with_objects(&mut env),
            "indexer" => {
                env.set("DOCUMENTS_URL", format!("http://{}", self.local("documents")));
                env.set("EXTRACT_PROGRAM", self.binaries.join("dossier-extract"));
                env.set("SEARCH_URL", format!("http://{}", self.local("search")));
                self.with_engine(&mut env, ("MEILI_MASTER_KEY", "meili-master-key"));
            }
            "search" => self.with_engine(&mut env, ("MEILI_KEY", "meili-search-key")),
            "gateway" => {
                for called in ["contacts", "documents", "indexer", "search"] {
                    let variable = format!("{}_URL", called.to_uppercase());
                    env.set(&variable, format!("http://{}", self.local(called)));
                }
                env.set("PUBLIC_URL", self.url);
                env.set("DOSSIER_OWNER_EMAIL", self.owner_email);
                env.secret("DOSSIER_OWNER_PASSWORD", self.secrets, "owner-password");
                env.set("BACKUP_METRICS_DIR", self.home.measured());
                env.secret("SEALING_KEY", self.secrets, "sealing-key");
                if self.secrets.path("prober-token").exists() {
                    env.secret("PROBER_TOKEN", self.secrets, "prober-token");
                }
            }
            "prober" => {
                env.set("SITE_URL", self.url);
                env.secret("PROBER_TOKEN", self.secrets, "prober-token");
            }
            _ => (),
        }
        program.arguments = vec!["serve".into()];
        program.environment = env.0;
        for more in extra {
            program.environment.extend((*more).clone());
        }
        program
    }

    fn with_objects(&self, env: &mut Environment) {
        env.set("S3_ENDPOINT", &self.s3.endpoint);
        env.set("S3_REGION", &self.s3.region);
        env.set("S3_BUCKET", &self.s3.bucket);
        env.secret("S3_ACCESS_KEY", self.secrets, "s3-access-key");
        env.secret("S3_SECRET_KEY", self.secrets, "s3-secret-key");
    }

    /// `own`: the variable and the secret where keys are made of the master key.
    fn with_engine(&self, env: &mut Environment, own: (&str, &str)) {
        if let Some(url) = self.meili_url {
            env.set("MEILI_URL", url);
            for (variable, secret) in [own, ("MEILI_KEY", "meili-key")] {
                if self.secrets.path(secret).exists() {
                    env.secret(variable, self.secrets, secret);
                }
            }
        }
    }

    pub(crate) fn migration(&self, name: &str) -> Program {
        let mut env = Environment::default();
        env.secret("MIGRATE_DATABASE_URL", self.secrets, &database_url("owner"));
        Program {
            name: format!("{name} migrate"),
            arguments: vec!["migrate".into()],
            environment: env.0,
            record: None,
            ..self.program(name, &format!("dossier-{name}"))
        }
    }

    pub(crate) fn object_store(&self) -> Program {
        let mut program = self.program("object-store", "dossier-stack");
        let mut env = Environment::default();
        env.secret("S3_ACCESS_KEY", self.secrets, "s3-access-key");
        env.secret("S3_SECRET_KEY", self.secrets, "s3-secret-key");
        program.environment = env.0;
        program.arguments = ["object-store", "--listen"].map(OsString::from).into();
        program.arguments.push(self.local("object-store").into());
        program.arguments.extend(["--dir".into(), self.home.path().join("objects").into()]);
        program
    }

    /// `configuration` holds the master key.
    pub(crate) fn meilisearch(&self, bin: &Path, configuration: &Path) -> Program {
        let dir = self.home.path().join("meilisearch");
        let mut env = Environment::default();
        // Or who watches it takes it for gone.
        env.set("MEILI_EXPERIMENTAL_ENABLE_METRICS", "true");
        let flag = |name: &str, value: OsString| [OsString::from(name), value];
        let arguments = [
            flag("--config-file-path", configuration.into()),
            flag("--db-path", dir.join("data").into()),
            flag("--dump-dir", dir.join("dumps").into()),
            flag("--snapshot-dir", dir.join("snapshots").into()),
            flag("--http-addr", self.local("meilisearch").into()),
            flag("--env", "production".into()),
        ];
        Program {
            path: bin.to_owned(),
            arguments: arguments.into_iter().flatten().chain(["--no-analytics".into()]).collect(),
            environment: env.0,
            directory: Some(dir),
            ..self.program("meilisearch", "meilisearch")
        }
    }

    pub(crate) fn caddy(&self, program: &Path, caddyfile: &Path) -> Program {
        let dir = self.home.path().join("caddy");
        let mut env = Environment::default();
        env.set("XDG_DATA_HOME", dir.join("data"));
        env.set("XDG_CONFIG_HOME", dir.join("config"));
        env.set("HOME", &dir);
        // Both names, so that nobody has to know which one it is.
        env.set("DOSSIER_SITE", format!("http://localhost:{0} http://127.0.0.1:{0}", self.ports["caddy"]));
        let has_ipv6 = std::net::TcpListener::bind(("::1", 0)).is_ok();
        env.set("DOSSIER_BIND", if has_ipv6 { "127.0.0.1 [::1]" } else { "127.0.0.1" });
        env.set("GATEWAY_UPSTREAM", self.local("gateway"));
        let mut arguments = ["run", "--adapter", "caddyfile", "--config"].map(OsString::from).to_vec();
        arguments.push(caddyfile.into());
        Program { path: program.to_owned(), arguments, environment: env.0, ..self.program("caddy", "caddy") }
    }
}

#[derive(Default)]
struct Environment(BTreeMap<String, OsString>);

impl Environment {
    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Its file is named, so that the value is not in the environment.
    fn secret(&mut self, name: &str, secrets: &Secrets, file: &str) {
        self.set(&format!("{name}_FILE"), secrets.path(file));
    }
}

/// The name of a service's admin port.
pub(crate) fn admin(service: &str) -> String {
    format!("{service}-admin")
}

/// The secret that holds this role's URL.
pub(crate) fn database_url(role: &str) -> String {
    format!("database-url-{role}")
}

/// The role with which a service uses the database, if it does.
pub(crate) fn role(service: &str) -> Option<&'static str> {
    match service {
        "gateway" => Some("access"),
        "contacts" => Some("contacts"),
        "documents" => Some("documents"),
        "search" => Some("search"),
        _ => None,
    }
}

/// `host:port` on this machine.
pub(crate) fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

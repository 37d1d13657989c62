//! Prometheus, Alertmanager and the exporters, as Debian packages them, with the configuration of
//! production: only the addresses, `targets/`, are written for this machine.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::{
    Home, SERVICES,
    external::with_role,
    process::Program,
    programs::{admin, local},
    secrets::Secrets,
};

/// What watches the rest, in the order in which it is stopped.
pub const OBSERVERS: [&str; 6] =
    ["alertmanager", "prometheus", "blackbox-exporter", "node-exporter", "postgres-exporter", PROBER];
/// The service that does what a user does; only beside the others that watch.
pub(crate) const PROBER: &str = "prober";

/// The role with which PostgreSQL is measured; it reads statistics and no table.
const ROLE: &str = "dossier_monitor";
/// The secret that holds its password.
const PASSWORD: &str = "database-password-monitor";

/// What has to be known of the rest.
pub(crate) struct Observed<'a> {
    pub(crate) home: &'a Home,
    pub(crate) secrets: &'a Secrets,
    pub(crate) ports: &'a BTreeMap<String, u16>,
    /// Where users enter, without a slash at the end.
    pub(crate) url: &'a str,
    pub(crate) database_admin_url: &'a str,
    /// Address and key of the search engine, when there is one.
    pub(crate) engine: Option<(String, Option<String>)>,
    /// The repository's `observability/`.
    pub(crate) configuration: &'a Path,
}

impl Observed<'_> {
    /// Writes the configuration and says how each is started.
    pub(crate) fn programs(&self) -> anyhow::Result<Vec<(&'static str, Program)>> {
        self.configure_prometheus()?;
        self.configure_alertmanager()?;
        fs::create_dir_all(self.home.measured())?;
        Ok(vec![
            ("prometheus", self.prometheus()?),
            ("alertmanager", self.alertmanager()?),
            ("blackbox-exporter", self.blackbox()?),
            ("node-exporter", self.node()?),
            ("postgres-exporter", self.postgres()?),
        ])
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.home.path().join("observe").join(name)
    }

    fn local(&self, name: &str) -> String {
        local(self.ports[name])
    }

    fn configure_prometheus(&self) -> anyhow::Result<()> {
        let (from, to) = (self.configuration.join("prometheus"), self.dir("prometheus"));
        for folder in ["rules", "targets", "secrets"] {
            fs::create_dir_all(to.join(folder))?;
        }
        // Rules that are gone must not stay.
        fs::remove_dir_all(to.join("rules"))?;
        fs::create_dir(to.join("rules"))?;
        copy(&from.join("prometheus.yml"), &to.join("prometheus.yml"))?;
        for rules in fs::read_dir(from.join("rules"))? {
            let rules = rules?;
            copy(&rules.path(), &to.join("rules").join(rules.file_name()))?;
        }
        for (file, targets) in self.targets() {
            fs::write(to.join("targets").join(file), serde_json::to_vec_pretty(&targets)?)?;
        }
        if let Some((_, Some(key))) = &self.engine {
            crate::secrets::write(&to.join("secrets/meilisearch-key"), key)?;
        }
        Ok(())
    }

    /// By file, as production's `targets/`; JSON is YAML.
    fn targets(&self) -> Vec<(&'static str, Value)> {
        let service =
            |name: &&str| json!({"targets": [self.local(&admin(name))], "labels": {"job": name, "instance": name}});
        let one =
            |name: &str, instance: &str| json!([{"targets": [self.local(name)], "labels": {"instance": instance}}]);
        let probe = |path: &str, module: &str, asked: &str| {
            let target = format!("http://{}{asked}", self.local("caddy"));
            let labels = json!({"instance": "edge", "path": path, "__param_module": module, "__param_target": target});
            json!({"targets": [self.local("blackbox-exporter")], "labels": labels})
        };
        let part = |name: &str, path: &str| {
            let labels = json!({"job": name, "instance": name, "__metrics_path__": path});
            json!({"targets": [self.local(name)], "labels": labels})
        };
        let engine = self.engine.as_ref().and_then(|(url, _)| url.split_once("://")).map(|(_, host)| host);
        vec![
            ("services.yml", SERVICES.iter().chain([&PROBER]).map(service).collect()),
            ("postgres.yml", one("postgres-exporter", "postgresql")),
            ("node.yml", one("node-exporter", "machine")),
            (
                "meilisearch.yml",
                engine
                    .map(|host| json!({"targets": [host], "labels": {"instance": "meilisearch"}}))
                    .into_iter()
                    .collect(),
            ),
            ("alertmanager.yml", json!([{"targets": [self.local("alertmanager")]}])),
            (
                "blackbox.yml",
                json!([
                    probe("/", "page", "/"),
                    probe("/api/v1/search", "json", "/api/v1/search?q=dossier&limit=1"),
                    probe("/api/v1/health/ready", "json", "/api/v1/health/ready"),
                    probe("/metrics", "closed", "/metrics"),
                ]),
            ),
            (
                "monitoring.yml",
                json!([
                    part("prometheus", "/prometheus/metrics"),
                    part("alertmanager", "/alertmanager/metrics"),
                    part("blackbox-exporter", "/metrics"),
                ]),
            ),
        ]
    }

    /// Nobody is called from a laptop: alerts are seen on Alertmanager's page. Besides, Debian's
    /// Alertmanager does not know `url_file` yet.
    fn configure_alertmanager(&self) -> anyhow::Result<()> {
        let path = self.configuration.join("alertmanager/alertmanager.yml");
        let text = fs::read_to_string(&path).with_context(|| format!("{} is missing", path.display()))?;
        fs::create_dir_all(self.dir("alertmanager"))?;
        Ok(fs::write(self.dir("alertmanager").join("alertmanager.yml"), without_receivers(&text))?)
    }

    fn program(&self, name: &str, file: &str, package: &str, arguments: Vec<String>) -> anyhow::Result<Program> {
        Ok(Program {
            record: Some(self.home.record(name)),
            arguments: arguments.into_iter().map(OsString::from).collect(),
            ..Program::new(name, find(file, package)?, self.home.log(name))
        })
    }

    fn prometheus(&self) -> anyhow::Result<Program> {
        let (dir, listen) = (self.dir("prometheus"), self.local("prometheus"));
        let arguments = vec![
            format!("--config.file={}", dir.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", dir.join("data").display()),
            "--storage.tsdb.retention.time=15d".to_owned(),
            format!("--web.listen-address={listen}"),
            format!("--web.external-url={}/prometheus/", self.url),
        ];
        self.program("prometheus", "prometheus", "prometheus", arguments)
    }

    fn alertmanager(&self) -> anyhow::Result<Program> {
        let (dir, listen) = (self.dir("alertmanager"), self.local("alertmanager"));
        let arguments = vec![
            format!("--config.file={}", dir.join("alertmanager.yml").display()),
            format!("--storage.path={}", dir.join("data").display()),
            format!("--web.listen-address={listen}"),
            format!("--web.external-url={}/alertmanager/", self.url),
            // It has no others to agree with.
            "--cluster.listen-address=".to_owned(),
        ];
        self.program("alertmanager", "prometheus-alertmanager", "prometheus-alertmanager", arguments)
    }

    fn blackbox(&self) -> anyhow::Result<Program> {
        let arguments = vec![
            format!("--config.file={}", self.configuration.join("blackbox/blackbox.yml").display()),
            format!("--web.listen-address={}", self.local("blackbox-exporter")),
        ];
        self.program("blackbox-exporter", "prometheus-blackbox-exporter", "prometheus-blackbox-exporter", arguments)
    }

    fn node(&self) -> anyhow::Result<Program> {
        let arguments = vec![
            format!("--web.listen-address={}", self.local("node-exporter")),
            format!("--collector.textfile.directory={}", self.home.measured().display()),
        ];
        self.program("node-exporter", "prometheus-node-exporter", "prometheus-node-exporter", arguments)
    }

    fn postgres(&self) -> anyhow::Result<Program> {
        let arguments = vec![format!("--web.listen-address={}", self.local("postgres-exporter"))];
        let mut program = self.program(
            "postgres-exporter",
            "prometheus-postgres-exporter",
            "prometheus-postgres-exporter",
            arguments,
        )?;
        let url = with_role(self.database_admin_url, ROLE, "", "postgres")?;
        let (_, server) = url.split_once('@').context("the database's address has no role")?;
        let tls = if server.contains('?') { "" } else { "?sslmode=disable" };
        self.secrets.get_or_make(PASSWORD)?;
        program.environment = BTreeMap::from([
            ("DATA_SOURCE_URI".to_owned(), format!("{server}{tls}").into()),
            ("DATA_SOURCE_USER".to_owned(), ROLE.into()),
            ("DATA_SOURCE_PASS_FILE".to_owned(), self.secrets.path(PASSWORD).into()),
        ]);
        Ok(program)
    }
}

/// Makes the role that measures, or gives it its password again.
pub(crate) async fn make_role(database_admin_url: &str, secrets: &Secrets) -> anyhow::Result<()> {
    let password = secrets.get_or_make(PASSWORD)?;
    ensure!(password.bytes().all(|b| b.is_ascii_alphanumeric()), "the role's password is not one that we made");
    let (client, connection) = tokio_postgres::connect(database_admin_url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let make = format!(
        "DO $$ BEGIN
             IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN CREATE ROLE {ROLE}; END IF;
         END $$;
         ALTER ROLE {ROLE} LOGIN CONNECTION LIMIT 5 PASSWORD '{password}';
         GRANT pg_monitor TO {ROLE};"
    );
    client.batch_execute(&make).await?;
    drop(client);
    connection.await??;
    Ok(())
}

/// The same routes and inhibitions with receivers that do nothing.
fn without_receivers(text: &str) -> String {
    let calls = ["webhook_configs:", "- url_file:", "send_resolved:"];
    let kept = text.lines().filter(|line| !calls.iter().any(|call| line.trim_start().starts_with(call)));
    kept.flat_map(|line| [line, "\n"]).collect()
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("{} cannot be copied", from.display()))?;
    Ok(())
}

/// Debian's daemons are in folders that not everybody's path has.
fn find(file: &str, package: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin"), PathBuf::from("/usr/sbin")]);
    let found = folders.map(|dir| dir.join(file)).find(|file| file.is_file());
    found.with_context(|| format!("{file} is not installed: apt-get install {package}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_and_the_routes_stay() {
        let text = "route:\n  receiver: a\nreceivers:\n  - name: a\n    webhook_configs:\n      - url_file: secrets/a\n        send_resolved: true\n";
        assert_eq!(without_receivers(text), "route:\n  receiver: a\nreceivers:\n  - name: a\n");
    }
}

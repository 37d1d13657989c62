use std::{fs, net::SocketAddr, path::Path};

use anyhow::bail;

use super::{DATABASE, Owner, Stack};
use crate::{
    PROCESSES, edge,
    external::{ExternalS3, with_role},
    http,
    postgres::{self, Postgres},
    process::Process,
    programs::{admin, local},
};

impl Stack {
    /// Where it is kept.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where users enter: Caddy, `http://localhost:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The gateway itself, behind Caddy.
    pub fn gateway_url(&self) -> String {
        format!("http://{}", self.address("gateway"))
    }

    /// `host:port` of a process, where others reach it.
    ///
    /// # Panics
    /// When there is no process of this name.
    pub fn address(&self, name: &str) -> String {
        local(self.ports[name])
    }

    /// Where a service serves `/metrics`, `/livez` and `/readyz`.
    ///
    /// # Panics
    /// When there is no service of this name.
    pub fn admin_url(&self, service: &str) -> String {
        format!("http://{}", local(self.ports[&admin(service)]))
    }

    /// For the role "owner", "access", "contacts", "documents" or "search".
    ///
    /// # Panics
    /// When there is no role of this name.
    pub fn database_url(&self, role: &str) -> String {
        self.role_url(role).unwrap_or_else(|error| panic!("{error:#}"))
    }

    pub(super) fn role_url(&self, role: &str) -> anyhow::Result<String> {
        let passwords = &self.passwords.0;
        let password = match role {
            "owner" => &passwords.owner,
            "access" => &passwords.access,
            "contacts" => &passwords.contacts,
            "documents" => &passwords.documents,
            "search" => &passwords.search,
            _ => bail!("there is no database role {role:?}"),
        };
        with_role(&self.database_admin_url(), &format!("dossier_{role}"), password, DATABASE)
    }

    /// For a role that may do everything with the server.
    pub fn database_admin_url(&self) -> String {
        match (&self.postgres, &self.external.database_admin_url) {
            (Some(postgres), _) => postgres.admin_url(),
            (None, url) => url.clone().unwrap_or_default(),
        }
    }

    /// Our own PostgreSQL; `None` when it runs elsewhere.
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// Endpoint, bucket and keys of the object store, ours or not.
    pub fn s3(&self) -> &ExternalS3 {
        &self.s3
    }

    /// URL and key of the search engine, when there is one.
    /// The key may do everything, as far as we know of such a key.
    pub fn meilisearch(&self) -> Option<(String, Option<String>)> {
        let url = self.meili_url.clone()?;
        Some((url, self.engine_key("meili-master-key").or_else(|| self.engine_key("meili-key"))))
    }

    /// The same with a key that reads metrics.
    pub(crate) fn engine_metrics(&self) -> Option<(String, Option<String>)> {
        let url = self.meili_url.clone()?;
        Some((url, self.engine_key("meili-metrics-key").or_else(|| self.engine_key("meili-key"))))
    }

    fn engine_key(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.secrets.path(name)).ok().map(|key| key.trim_end().to_owned())
    }

    /// What the services show each other.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rpc_token(&self) -> std::io::Result<String> {
        self.secrets.get_or_make("rpc-token")
    }

    /// The password of [`crate::OPERATOR`], which Caddy asks for before tools.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn operator_password(&self) -> std::io::Result<String> {
        self.secrets.get_or_make(edge::OPERATOR_PASSWORD)
    }

    /// Who may do everything.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// One of [`PROCESSES`].
    ///
    /// # Panics
    /// When it does not run here: an unknown name, or something that runs elsewhere.
    pub fn process(&self, name: &str) -> &Process {
        self.processes.get(name).unwrap_or_else(|| panic!("no {name:?} runs here"))
    }

    /// Everything that runs here.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        PROCESSES.iter().filter_map(|name| self.processes.get(name)).map(AsRef::as_ref)
    }
}

/// Whether a process of a [`State`] is ready, asked from outside, and what it says when it is not.
pub async fn readiness(name: &str, address: &str, probe: Option<&str>) -> (bool, String) {
    let url = probe.unwrap_or(address).trim_start_matches("http://");
    let (host, path) = url.find('/').map_or((url, "/"), |slash| url.split_at(slash));
    let Ok(addr) = host.parse::<SocketAddr>() else { return (false, format!("{host} is no address")) };
    if probe.is_none() {
        let answered = postgres::answers(addr).await;
        return answered.map_or_else(|error| (false, error.to_string()), |()| (true, String::new()));
    }
    match http::get(addr, host, path).await {
        Ok((status, body)) if (name == "meilisearch" || path == "/readyz") && status != 200 => {
            (false, format!("{status} {body}"))
        }
        Ok(_) => (true, String::new()),
        Err(error) => (false, error.to_string()),
    }
}

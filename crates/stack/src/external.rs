use std::path::PathBuf;

use anyhow::Context;

/// An S3 server that runs elsewhere.
#[derive(Clone)]
pub struct ExternalS3 {
    /// `http://host:port` or `https://host`.
    pub endpoint: String,
    /// What requests are signed for.
    pub region: String,
    /// The bucket; it must exist.
    pub bucket: String,
    /// Half of the key pair.
    pub access_key: String,
    /// The other half.
    pub secret_key: String,
}

/// What runs elsewhere and is only used.
#[derive(Clone, Default)]
pub struct External {
    /// Of a PostgreSQL role that may create roles and databases. `None`: a server of our own.
    pub database_admin_url: Option<String>,
    /// `None`: the embedded object store.
    pub s3: Option<ExternalS3>,
    /// A Meilisearch that runs elsewhere.
    pub meili_url: Option<String>,
    /// Its master key, of which each service's own is made.
    pub meili_master_key: Option<String>,
    /// Without that, a key that both services use, when it wants one.
    pub meili_key: Option<String>,
    /// The program of a Meilisearch of our own. Neither: search is PostgreSQL's alone.
    pub meilisearch_bin: Option<PathBuf>,
}

impl External {
    /// As `DATABASE_ADMIN_URL`, `S3_*`, `MEILI_URL`, `MEILI_MASTER_KEY`, `MEILI_KEY` and `MEILISEARCH_BIN` say.
    ///
    /// # Errors
    /// When `S3_ENDPOINT` is given without what belongs to it.
    pub fn from_env() -> anyhow::Result<Self> {
        let s3 = match variable("S3_ENDPOINT") {
            None => None,
            Some(endpoint) => {
                let needed = |name: &str| variable(name).with_context(|| format!("S3_ENDPOINT needs {name} beside it"));
                Some(ExternalS3 {
                    endpoint,
                    region: variable("S3_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
                    bucket: needed("S3_BUCKET")?,
                    access_key: needed("S3_ACCESS_KEY")?,
                    secret_key: needed("S3_SECRET_KEY")?,
                })
            }
        };
        Ok(Self {
            database_admin_url: variable("DATABASE_ADMIN_URL"),
            s3,
            meili_url: variable("MEILI_URL"),
            meili_master_key: variable("MEILI_MASTER_KEY"),
            meili_key: variable("MEILI_KEY"),
            meilisearch_bin: variable("MEILISEARCH_BIN").map(PathBuf::from),
        })
    }
}

impl std::fmt::Debug for External {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // URLs and keys are secrets.
        f.debug_struct("External").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ExternalS3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalS3").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// An empty variable is as good as none.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The same server and options with another role and database.
pub(crate) fn with_role(admin_url: &str, role: &str, password: &str, database: &str) -> anyhow::Result<String> {
    let (scheme, rest) = admin_url.split_once("://").context("DATABASE_ADMIN_URL is no URL")?;
    let (rest, options) = rest.split_once('?').map_or((rest, None), |(rest, options)| (rest, Some(options)));
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let options = options.map(|o| format!("?{o}")).unwrap_or_default();
    Ok(format!("{scheme}://{role}:{password}@{host}/{database}{options}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_keeps_the_administrators_server_and_options() {
        for (admin, expected) in [
            ("postgres://root:a@b@db:5433/postgres?sslmode=require", "postgres://r:p@db:5433/d?sslmode=require"),
            ("postgresql://db", "postgresql://r:p@db/d"),
            ("postgres://u@%2Frun%2Fpg/x", "postgres://r:p@%2Frun%2Fpg/d"),
        ] {
            assert_eq!(with_role(admin, "r", "p", "d").unwrap(), expected);
        }
        assert!(with_role("host=db", "r", "p", "d").is_err());
    }
}

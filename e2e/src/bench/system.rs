//! Our own side: the whole system, started for this run and stopped after it.

use std::path::Path;

use anyhow::Context;
use e2e::client::Client;
use serde_json::json;
use stack::{External, Stack};

use super::{Options, s3::Bucket};

const OWNER: &str = "owner@bench.localhost";

pub(crate) struct System {
    stack: Stack,
}

impl System {
    /// On free ports, in `home` or in a folder that is thrown away. Commits and objects are on disk
    /// as in production. The limits per client address are off, because the load generator is one.
    pub(crate) async fn start(home: Option<&Path>, options: &Options) -> anyhow::Result<Self> {
        Self::start_with(home, options, &[]).await
    }

    /// The same with more of a service's environment: its name, the variable and the value.
    pub(crate) async fn start_with(
        home: Option<&Path>,
        options: &Options,
        environment: &[(&str, &str, &str)],
    ) -> anyhow::Result<Self> {
        let mut builder = Stack::builder()
            .external(External { meilisearch_bin: options.meilisearch_bin.clone(), ..External::default() })
            .owner(OWNER, None)
            .env("*", "RUST_LOG", options.log.as_str())
            .env("gateway", "SUBMISSIONS_PER_MINUTE", "0")
            .env("gateway", "ALL_SUBMISSIONS_PER_MINUTE", "0")
            .env("gateway", "VISITS_PER_MINUTE", "0")
            .env("gateway", "REQUESTS_PER_MINUTE", "0")
            .env("gateway", "ADDRESS_REQUESTS_PER_MINUTE", "0");
        for (service, variable, value) in environment {
            builder = builder.env(service, variable, *value);
        }
        if let Some(home) = home {
            builder = builder.home(home);
        }
        if let Some(binaries) = &options.binaries {
            builder = builder.binaries(binaries);
        }
        Ok(Self { stack: builder.start().await.context("the system does not start")? })
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Signs in as the owner, and has a token made.
    pub(crate) async fn token(&self) -> anyhow::Result<String> {
        let owner = self.stack.owner();
        let client = Client::sign_in(&self.stack.gateway_url(), &owner.email, &owner.password).await?;
        client.post("/api/v1/tokens", &json!({"name": "bench", "scopes": ["*"]})).await?.expect(201)?.text_of("token")
    }

    /// The names and process ids of the services that run.
    pub(crate) fn services(&self) -> Vec<(&'static str, i32)> {
        stack::SERVICES.into_iter().filter_map(|name| Some((name, self.stack.process(name).pid()?))).collect()
    }

    /// With the role of the contacts service.
    pub(crate) fn contacts_database_url(&self) -> String {
        self.stack.database_url("contacts")
    }

    pub(crate) fn s3(&self) -> Bucket {
        Bucket(self.stack.s3().clone())
    }

    pub(crate) async fn stop(self) {
        self.stack.stop().await;
    }
}

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::io::{AsyncRead, AsyncReadExt};
use meilisearch_sdk::{
    errors::Error as Sdk,
    request::{HttpClient, Method},
};
use reqwest::{StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Error;

const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// HTTP with time limits, under the SDK and beside it.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
}

/// The engine's error body.
#[derive(Deserialize)]
struct Refusal {
    message: String,
    code: String,
}

impl Transport {
    pub(crate) fn new(key: Option<&SecretString>, limit: Duration) -> anyhow::Result<Self> {
        let mut headers = header::HeaderMap::new();
        if let Some(key) = key {
            let mut value = header::HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
                .map_err(|_| anyhow::anyhow!("MEILI_KEY has characters that a header cannot carry"))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_LIMIT.min(limit))
            .timeout(limit)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, Error> {
        read(self.http.get(url)).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<T, Error> {
        read(self.http.post(url).header(header::CONTENT_TYPE, content_type).body(body)).await
    }

    pub(crate) async fn post_json<T: DeserializeOwned>(&self, url: &str, body: &impl Serialize) -> Result<T, Error> {
        read(self.http.post(url).json(body)).await
    }

    pub(crate) async fn patch_json<T: DeserializeOwned>(&self, url: &str, body: &impl Serialize) -> Result<T, Error> {
        read(self.http.patch(url).json(body)).await
    }

    pub(crate) async fn put_json<T: DeserializeOwned>(&self, url: &str, body: &impl Serialize) -> Result<T, Error> {
        read(self.http.put(url).json(body)).await
    }

    pub(crate) async fn delete<T: DeserializeOwned>(&self, url: &str) -> Result<T, Error> {
        read(self.http.delete(url)).await
    }

    /// Deletes what is gone at once, with an empty answer.
    pub(crate) async fn remove(&self, url: &str) -> Result<(), Error> {
        body(self.http.delete(url)).await.map(drop)
    }
}

async fn read<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, Error> {
    serde_json::from_slice(&body(request).await?).map_err(Error::unreadable)
}

async fn body(request: reqwest::RequestBuilder) -> Result<Bytes, Error> {
    let response = request.send().await?;
    let status = response.status();
    let body = response.bytes().await?;
    if status.is_success() {
        return Ok(body);
    }
    let refusal: Result<Refusal, _> = serde_json::from_slice(&body);
    match (status, refusal) {
        (StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT, _) => Err(Error::Timeout),
        (StatusCode::TOO_MANY_REQUESTS, _) => Err(Error::Unavailable("it is busy".to_owned())),
        (status, Ok(refusal)) if status.is_client_error() => {
            Err(Error::Refused { code: refusal.code, message: refusal.message })
        }
        (status, Ok(refusal)) => Err(Error::Unavailable(format!("{status}: {}", refusal.code))),
        (status, Err(_)) => Err(Error::Unavailable(status.to_string())),
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn request<Query, Body, Output>(
        &self,
        url: &str,
        method: Method<Query, Body>,
        _expected_status_code: u16,
    ) -> Result<Output, Sdk>
    where
        Query: Serialize + Send + Sync,
        Body: Serialize + Send + Sync,
        Output: DeserializeOwned + 'static + Send,
    {
        let request = self.http.request(verb(&method), url).query(method.query());
        let request = match method.body() {
            Some(body) => request.json(body),
            None => request,
        };
        Ok(read(request).await?)
    }

    async fn stream_request<Query, Body, Output>(
        &self,
        url: &str,
        method: Method<Query, Body>,
        content_type: &str,
        _expected_status_code: u16,
    ) -> Result<Output, Sdk>
    where
        Query: Serialize + Send + Sync,
        Body: AsyncRead + Send + Sync + 'static,
        Output: DeserializeOwned + 'static,
    {
        let request = self.http.request(verb(&method), url).query(method.query());
        let request = match method.into_body() {
            Some(body) => {
                let (mut body, mut bytes) = (std::pin::pin!(body), Vec::new());
                body.read_to_end(&mut bytes).await.map_err(|e| Error::Unavailable(e.to_string()))?;
                request.header(header::CONTENT_TYPE, content_type).body(bytes)
            }
            None => request,
        };
        Ok(read(request).await?)
    }

    fn is_tokio(&self) -> bool {
        true
    }
}

fn verb<Q, B>(method: &Method<Q, B>) -> reqwest::Method {
    match method {
        Method::Get { .. } => reqwest::Method::GET,
        Method::Delete { .. } => reqwest::Method::DELETE,
        Method::Post { .. } => reqwest::Method::POST,
        Method::Put { .. } => reqwest::Method::PUT,
        Method::Patch { .. } => reqwest::Method::PATCH,
    }
}

//! The contract of `dossier.search.v1` ↔ the domain.

mod analytics;
mod links;

use std::time::Instant;

use jiff::Timestamp;
use proto::search::{
    self as wire, Facet, ListLinksRequest, ListLinksResponse, QueryRequest, QueryResponse, RecordClickRequest,
    RecordClickResponse, SuggestRequest, SuggestResponse, facet, suggest_response,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

pub(crate) use analytics::AnalyticsApi;

use crate::{
    answer::{Answer, Answerer, Hit},
    domain::{self, Question},
    error::Error,
    log::{self, Entry, FOUND, Log},
};

pub(crate) struct Api {
    pub(crate) answerer: Answerer,
    pub(crate) log: Log,
}

#[tonic::async_trait]
impl wire::search_server::Search for Api {
    async fn query(&self, request: Request<QueryRequest>) -> Result<Response<QueryResponse>, Status> {
        let started = Instant::now();
        let caller = chassis::grpc::caller(&request);
        let question = Question::parse(request.get_ref())?;
        let answer = self.answerer.answer(&caller, &question).await?;
        let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
        let id = Uuid::now_v7();
        let counted = !request.get_ref().unlogged;
        if counted {
            measure(&answer);
        }
        // Only the first page is a search of its own.
        if counted && question.offset == 0 {
            let found = answer.hits.iter().take(FOUND).map(|hit| hit.document.id).collect();
            self.log.put(Entry::Query(log::Query {
                id,
                at: Timestamp::now(),
                text: question.logged,
                hits: answer.total,
                engine: answer.engine,
                degraded: answer.degraded,
                took_ms,
                found,
            }));
        }
        let without_engine = self.answerer.engine.is_none();
        Ok(Response::new(QueryResponse { without_engine, ..response(answer, id, took_ms) }))
    }

    async fn suggest(&self, request: Request<SuggestRequest>) -> Result<Response<SuggestResponse>, Status> {
        let caller = chassis::grpc::caller(&request);
        let (q, limit) = domain::parse_suggest(&request.get_ref().q, request.get_ref().limit)?;
        let found = match q.is_empty() {
            true => Vec::new(),
            false => self
                .answerer
                .store
                .suggest(&caller, &q, limit, request.get_ref().contacts)
                .await
                .map_err(Error::from)?,
        };
        let item = |s: crate::store::Suggestion| suggest_response::Suggestion {
            text: s.text,
            kind: s.kind,
            document_id: s.document_id.map(|id| id.to_string()).unwrap_or_default(),
            contact_id: s.contact_id.map(|id| id.to_string()).unwrap_or_default(),
        };
        Ok(Response::new(SuggestResponse { items: found.into_iter().map(item).collect() }))
    }

    async fn record_click(
        &self,
        request: Request<RecordClickRequest>,
    ) -> Result<Response<RecordClickResponse>, Status> {
        let request = request.get_ref();
        let (query_id, document_id, rank) = domain::parse_click(&request.query_id, &request.document_id, request.rank)?;
        self.log.put(Entry::Click(log::Click { query_id, document_id, rank, at: Timestamp::now() }));
        Ok(Response::new(RecordClickResponse {}))
    }

    async fn list_links(&self, request: Request<ListLinksRequest>) -> Result<Response<ListLinksResponse>, Status> {
        let caller = chassis::grpc::caller(&request);
        Ok(Response::new(links::list(&self.answerer.store, &caller, request.get_ref()).await?))
    }
}

fn measure(answer: &Answer) {
    let degraded = if answer.degraded { "true" } else { "false" };
    metrics::counter!("search_queries_total", "engine" => answer.engine, "degraded" => degraded).increment(1);
    if answer.total == 0 {
        metrics::counter!("search_zero_results_total").increment(1);
    }
}

fn response(answer: Answer, id: Uuid, took_ms: f64) -> QueryResponse {
    let value = |(value, count)| facet::Value { value, count };
    let facet = |(name, values): (&str, Vec<_>)| Facet {
        name: name.to_owned(),
        values: values.into_iter().map(value).collect(),
    };
    QueryResponse {
        hits: answer.hits.into_iter().map(hit).collect(),
        facets: answer.facets.into_iter().map(facet).collect(),
        estimated_total: answer.total,
        engine: answer.engine.to_owned(),
        degraded: answer.degraded,
        took_ms,
        query_id: id.to_string(),
        without_engine: false,
    }
}

fn hit(hit: Hit) -> wire::Hit {
    let document = hit.document;
    wire::Hit {
        document_id: document.id.to_string(),
        title: document.title,
        page: hit.page,
        pages_matched: i32::try_from(hit.pages_matched).unwrap_or(i32::MAX),
        snippet: hit.snippet.text,
        ranges: hit.snippet.ranges.into_iter().map(|(start, end)| wire::Range { start, end }).collect(),
        score: hit.score,
        collection_id: document.collection_id.to_string(),
        media_type: document.media_type,
        language: document.language,
        page_count: document.page_count,
        version: document.version,
        created_at: document.created_at.as_microsecond(),
    }
}

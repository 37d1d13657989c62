use chassis::{Caller, FaultKind, grpc::Channel};
use futures_util::StreamExt;
use proto::documents::{self as api, read_pages_response::Part, truth_client::TruthClient};
use testkit::{as_caller, owner};

use crate::fixture::{self, Fixture, kind, reason, unique_text};

fn truth(fixture: &Fixture) -> TruthClient<Channel> {
    TruthClient::new(fixture.running.channel())
}

async fn hold(fixture: &Fixture, holder: &str, lease_ms: i64) -> api::HoldTurnResponse {
    let request = api::HoldTurnRequest { holder: holder.into(), lease_ms };
    as_caller(Caller::Service, truth(fixture).hold_turn(request)).await.unwrap().into_inner()
}

async fn save(fixture: &Fixture, holder: &str, state: api::IndexState) -> Result<(), tonic::Status> {
    let request = api::SaveIndexStateRequest { holder: holder.into(), lease_ms: 60_000, state: Some(state) };
    as_caller(Caller::Service, truth(fixture).save_index_state(request)).await.map(drop)
}

async fn list(fixture: &Fixture, request: api::ListIndexedRequest) -> api::ListIndexedResponse {
    as_caller(Caller::Service, truth(fixture).list_indexed(request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn one_indexer_at_a_time_has_the_turn_until_it_falls_silent() {
    let fixture = fixture::start().await;
    assert!(hold(&fixture, "one", 100).await.held);
    assert!(hold(&fixture, "one", 300).await.held, "it is kept");
    assert!(!hold(&fixture, "other", 60_000).await.held);
    assert_eq!(reason(save(&fixture, "other", api::IndexState::default()).await), "turn-lost");
    let waiting = async {
        while !hold(&fixture, "other", 60_000).await.held {
            tokio::task::yield_now().await;
        }
    };
    testkit::within(std::time::Duration::from_secs(10), waiting).await;
    assert_eq!(reason(save(&fixture, "one", api::IndexState::default()).await), "turn-lost");
    let request = api::HoldTurnRequest { holder: "x".into(), lease_ms: 100 };
    assert_eq!(kind(as_caller(owner(), truth(&fixture).hold_turn(request)).await), FaultKind::Forbidden);
}

#[tokio::test]
async fn how_far_the_index_is_outlives_the_indexer() {
    let fixture = fixture::start().await;
    as_caller(Caller::Service, truth(&fixture).want_rebuild(api::WantRebuildRequest {})).await.unwrap();
    assert!(hold(&fixture, "one", 60_000).await.state.unwrap().rebuild_wanted);
    let drift = api::Drift { missing: 3, ..Default::default() };
    save(&fixture, "one", api::IndexState { drift: Some(drift), ..Default::default() }).await.unwrap();
    let begun = api::Rebuild { documents_total: 9, ..Default::default() };
    save(&fixture, "one", api::IndexState { rebuild: Some(begun), ..Default::default() }).await.unwrap();
    let after = uuid::Uuid::now_v7().to_string();
    let on = api::Rebuild { started_at: 1, after: after.clone(), documents_done: 4, documents_total: 9 };
    save(&fixture, "one", api::IndexState { rebuild: Some(on), ..Default::default() }).await.unwrap();
    let state = as_caller(Caller::Service, truth(&fixture).get_index_state(api::GetIndexStateRequest {})).await;
    let state = state.unwrap().into_inner();
    let (rebuild, drift) = (state.rebuild.unwrap(), state.drift.unwrap());
    assert!(!state.rebuild_wanted, "it has begun");
    assert_eq!((rebuild.after, rebuild.documents_done, rebuild.documents_total), (after, 4, 9));
    assert!(rebuild.started_at > 1_700_000_000_000_000 && rebuild.started_at <= state.now);
    assert!(drift.missing == 3 && drift.checked_at > 0, "a rebuild says nothing about drift");
    let search = fixture.database.client("search").await;
    let complete = "SELECT complete FROM documents.search_index_state";
    assert!(!search.query_one(complete, &[]).await.unwrap().get::<_, bool>(0));
    let drift = Some(api::Drift::default());
    save(&fixture, "one", api::IndexState { drift, ..Default::default() }).await.unwrap();
    assert!(search.query_one(complete, &[]).await.unwrap().get::<_, bool>(0));
    assert_eq!(hold(&fixture, "one", 60_000).await.state.unwrap().rebuild, None);
}

#[tokio::test]
async fn the_index_must_hold_what_can_be_found_and_nothing_else() {
    let fixture = fixture::start().await;
    let read = fixture.upload("a.txt", &unique_text()).await;
    let gone = fixture.upload("b.txt", &unique_text()).await;
    fixture.process_all().await;
    let waiting = fixture.upload("c.txt", &unique_text()).await;
    fixture.trash(&gone.id).await;
    let turn = hold(&fixture, "one", 60_000).await;
    assert_eq!((turn.documents, turn.records, turn.in_flight), (1, 2, 1));
    let all = list(&fixture, api::ListIndexedRequest { limit: 10, ..Default::default() }).await;
    let item = |i: &api::list_indexed_response::Item| (i.document_id.clone(), i.version, i.records, i.in_flight);
    assert_eq!(all.items.iter().map(item).collect::<Vec<_>>(), [(read.id.clone(), 1, 2, false)]);
    let rest =
        list(&fixture, api::ListIndexedRequest { limit: 10, after: read.id.clone(), ..Default::default() }).await;
    assert!(rest.items.is_empty());
    let only = vec![read.id.clone(), gone.id.clone(), uuid::Uuid::now_v7().to_string()];
    let some = list(&fixture, api::ListIndexedRequest { only, ..Default::default() }).await;
    assert_eq!((some.items.len(), some.leaving), (1, vec![gone.id.clone()]));

    let request = |id: &str| api::ReadIndexedRequest { document_id: id.to_owned() };
    let mut client = truth(&fixture);
    let parts = as_caller(Caller::Service, client.read_indexed(request(&read.id))).await.unwrap().into_inner();
    let parts: Vec<_> = parts.map(|part| part.unwrap().part.unwrap()).collect().await;
    assert!(matches!(&parts[0], Part::Document(d) if d.page_count == 2) && parts.len() == 3);
    for absent in [&gone.id, &waiting.id] {
        let refused = as_caller(Caller::Service, client.read_indexed(request(absent))).await;
        assert_eq!(kind(refused.map(drop)), FaultKind::NotFound);
    }
}

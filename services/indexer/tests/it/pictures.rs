//! Pictures of pages, drawn by the real child.

use std::time::Duration;

use chassis::{Caller, Fault, FaultKind, RequestContext, Role, grpc::Channel};
use proto::{
    documents::WorkKind,
    indexer::{DrawPageRequest, DrawPageResponse, indexer_client::IndexerClient},
};
use uuid::Uuid;

use crate::fixture::{Fixture, Setting, start};

/// Three pixels a side, red.
const RED: &[u8] = b"BM\x5a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x03\0\0\0\x03\0\0\0\x01\0\x18\0\0\0\0\0\x24\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\0\0\xff\0\0\xff\0\0\0\0\0\xff\0\0\xff\0\0\xff\0\0\0\0\0\xff\0\0\xff\0\0\xff\0\0\0";

struct People {
    client: IndexerClient<Channel>,
}

impl People {
    fn of(fixture: &Fixture) -> Self {
        let url = format!("http://{}", fixture.running.addr);
        Self { client: IndexerClient::new(chassis::grpc::connect(&url, &testkit::rpc_token()).unwrap()) }
    }

    async fn ask(&self, caller: Caller, id: Uuid, page: i32) -> Result<DrawPageResponse, Fault> {
        let context = RequestContext { caller, ..RequestContext::background(Duration::from_secs(20)) };
        let request = DrawPageRequest { document_id: id.to_string(), version: 0, page, width: 200 };
        let mut client = self.client.clone();
        let drawn = context.scope(client.draw_page(request)).await;
        drawn.map(|drawn| drawn.into_inner()).map_err(|status| Fault::of(&status))
    }

    async fn draw(&self, id: Uuid) -> Result<DrawPageResponse, Fault> {
        self.ask(Caller::User { id: Uuid::now_v7(), role: Role::Viewer }, id, 1).await
    }
}

/// What was asked of documents about pictures.
fn asked(fixture: &Fixture, id: Uuid) -> Vec<&'static str> {
    fixture.documents.calls(id).into_iter().filter(|call| ["head", "content"].contains(call)).collect()
}

#[tokio::test]
async fn documents_is_asked_each_time_and_a_picture_is_drawn_once() {
    let fixture =
        start(Setting { before: "case \"$*\" in *--draw=*) echo >> $FOLDER/drawn;; esac", ..Setting::default() }).await;
    let (people, id) = (People::of(&fixture), fixture.documents.add_bytes(RED, "image/bmp"));
    // Those who ask together wait for the same drawing.
    let all = futures_util::future::join_all((0..8).map(|_| people.draw(id))).await;
    let first = all[0].clone().unwrap();
    assert_eq!((first.width, first.height, first.media_type.as_str()), (3, 3, "image/png"));
    assert!(all.into_iter().all(|drawn| drawn.unwrap() == first));
    assert_eq!(people.draw(id).await.unwrap(), first);
    assert_eq!(std::fs::read_to_string(fixture.folder.path().join("drawn")).unwrap().lines().count(), 1);
    let asked = asked(&fixture, id);
    assert_eq!((asked.iter().filter(|call| **call == "head").count(), asked.len()), (9, 10));
}

#[tokio::test]
async fn who_may_not_see_a_document_sees_no_picture_of_it_though_it_was_drawn() {
    let fixture = start(Setting::default()).await;
    let (people, id) = (People::of(&fixture), fixture.documents.add_bytes(RED, "image/bmp"));
    people.draw(id).await.unwrap();
    let refused = people.ask(Caller::Anonymous, id, 1).await.unwrap_err();
    assert_eq!((refused.kind, &*refused.reason), (FaultKind::NotFound, "not-found"));
}

#[tokio::test]
async fn what_is_thrown_away_is_forgotten() {
    let fixture = start(Setting::default()).await;
    let (people, id) = (People::of(&fixture), fixture.documents.add_bytes(RED, "image/bmp"));
    fixture.documents.until_settled(id, 1).await;
    people.draw(id).await.unwrap();
    fixture.documents.again(id, WorkKind::Remove, |_| ());
    fixture.documents.until_settled(id, 2).await;
    people.draw(id).await.unwrap();
    assert_eq!(asked(&fixture, id).iter().filter(|call| **call == "content").count(), 2, "it was drawn anew");
}

#[tokio::test]
async fn what_has_no_picture_says_why_and_is_not_tried_again() {
    let fixture = start(Setting::default()).await;
    let people = People::of(&fixture);
    let text = fixture.documents.add("A letter");
    let broken = fixture.documents.add_bytes(b"BM and nothing more", "image/bmp");
    for (id, reason, contents) in [(text, "no-picture", 0), (broken, "picture-failed", 1)] {
        for _ in 0..2 {
            let fault = people.draw(id).await.unwrap_err();
            assert_eq!((fault.kind, &*fault.reason), (FaultKind::NotFound, reason));
        }
        assert_eq!(asked(&fixture, id).iter().filter(|call| **call == "content").count(), contents, "{reason}");
    }
    let red = fixture.documents.add_bytes(RED, "image/bmp");
    let viewer = Caller::User { id: Uuid::now_v7(), role: Role::Viewer };
    assert_eq!(&*people.ask(viewer, red, 2).await.unwrap_err().reason, "not-found");
    assert_eq!(&*people.ask(viewer, Uuid::now_v7(), 1).await.unwrap_err().reason, "not-found");
}

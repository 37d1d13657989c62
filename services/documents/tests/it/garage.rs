//! The same against the object store that production uses.

use documents::{App, Limits, S3Config};
use proto::documents as api;
use testkit::owner;

use crate::fixture::{self, Fixture, finish, new_document, unique_text};

#[tokio::test]
async fn garage_keeps_documents_small_and_large_and_forgets_what_is_purged() {
    let Some(garage) = testkit::garage().await else { return };
    let database = testkit::database().await;
    <App as chassis::Service>::migrate(database.migration()).await.unwrap();
    let s3 = S3Config {
        s3_endpoint: garage.endpoint.clone(),
        s3_region: garage.region.clone(),
        s3_bucket: garage.bucket.clone(),
        s3_access_key: garage.access_key.clone(),
        s3_secret_key: garage.secret_key.clone().into(),
    };
    let limits = Limits { object_grace_seconds: 0, orphan_seconds: 3600, sweep_seconds: 1, ..Limits::default() };
    let running = fixture::serve(&database, s3, limits).await;
    // The fixture's own store stands unused beside it.
    let objects = testkit::object_store().await;
    let fixture = Fixture { running, database, objects, owner: owner() };
    let (small, large) = (unique_text(), b"a line of text\n".repeat(1_000_000));
    for bytes in [&small, &large] {
        let document = fixture.upload("a.txt", bytes).await;
        assert!(&fixture.content(&document.id).await.unwrap() == bytes);
        let middle =
            api::ReadContentRequest { id: document.id.clone(), first: Some(5), last: Some(9), ..Default::default() };
        assert_eq!(fixture.read(fixture.owner, middle).await.unwrap().1, bytes[5..10]);
        let cut = fixture.try_upload(fixture.owner, new_document("b.txt"), bytes, None).await;
        assert_eq!(fixture::reason(cut), "cut-off");
        let again = fixture.try_upload(fixture.owner, new_document("c.txt"), bytes, Some(finish())).await.unwrap();
        assert!(again.duplicate);
        fixture.trash(&document.id).await;
        fixture.purge(&document.id).await.unwrap();
    }
    let swept = async {
        while fixture.count("tombstones").await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    testkit::within(std::time::Duration::from_secs(15), swept).await;
    assert!(fixture.running.health.report()["object_store"].is_none());
}

use search_index::{Engine, Held, Inventory, PageRecord, Presence};
use uuid::Uuid;

use crate::{contract::page, target::targets};

async fn records(engine: &Engine) -> Option<u64> {
    engine.stats().await.ok().map(|stats| stats.records)
}

async fn feed(engine: &Engine, records: &[PageRecord]) {
    let mut feed = engine.feed().await.unwrap();
    for record in records {
        feed.push(record).await.unwrap();
    }
    feed.finish().await.unwrap();
}

#[tokio::test]
async fn a_successor_takes_the_place_of_an_index_or_of_none() {
    for target in targets().await {
        let (engine, a, b) = (&target.engine, Uuid::now_v7(), Uuid::now_v7());
        assert_eq!(engine.presence().await.unwrap(), Presence::default());
        // Nobody made an index: a write makes none.
        feed(engine, &[page(a, 1, "x")]).await;
        engine.delete_document(a).await.unwrap();
        assert_eq!(engine.presence().await.unwrap(), Presence::default(), "{}", target.name);

        engine.begin_successor().await.unwrap();
        feed(engine, &[page(a, 1, "x"), page(a, 2, "y")]).await;
        assert!(engine.stats().await.unwrap_err().is_code("index_not_found"), "nobody reads from it yet");
        engine.promote_successor().await.unwrap();
        assert_eq!(engine.presence().await.unwrap(), Presence { live: true, successor: false }, "{}", target.name);
        assert_eq!(records(engine).await, Some(2));
        assert!(engine.is_in_order().await.unwrap());

        engine.begin_successor().await.unwrap();
        feed(engine, &[page(b, 1, "z")]).await;
        assert_eq!((records(engine).await, records(&engine.successor()).await), (Some(3), Some(1)), "{}", target.name);
        engine.promote_successor().await.unwrap();
        assert_eq!((records(engine).await, records(&engine.successor()).await), (Some(1), None), "{}", target.name);
        assert!(engine.promote_successor().await.unwrap_err().is_code("index_not_found"), "{}", target.name);
        engine.drop_index().await.unwrap();
        engine.drop_index().await.unwrap();
    }
}

#[tokio::test]
async fn an_inventory_says_what_is_held_of_each_document() {
    for target in targets().await {
        let engine = &target.engine;
        let (many, mixed, gone) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let mut records: Vec<_> = (1..=1_200).map(|n| page(many, n, "x")).collect();
        records.extend((1..=3).map(|n| PageRecord { version: if n == 2 { 2 } else { 1 }, ..page(mixed, n, "x") }));
        engine.put_pages(&records).await.unwrap();
        let (mut all, mut next) = (Inventory::new(), Some(0));
        let mut answers = 0;
        while let Some(offset) = next {
            next = engine.take_inventory(offset, &mut all).await.unwrap();
            answers += 1;
        }
        assert_eq!((all.len(), answers), (2, 2), "{}", target.name);
        assert_eq!(all[&many], Held { version: 1, records: 1_200, older: 0 });
        assert_eq!(all[&mixed], Held { version: 2, records: 1, older: 2 });
        let some = engine.held_of(&[mixed, gone]).await.unwrap();
        assert_eq!((some.len(), some[&mixed]), (1, all[&mixed]), "{}", target.name);
        engine.delete_documents(&[mixed, gone]).await.unwrap();
        assert_eq!(engine.held_of(&[mixed, gone]).await.unwrap(), Inventory::new());
    }
}

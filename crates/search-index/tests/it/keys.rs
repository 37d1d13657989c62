use search_index::{Engine, EngineConfig, Error, Keyring, Purpose, Query, among};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{contract::page, target::targets};

const WORD: Query<'static> = Query {
    text: "walrus",
    all_words: true,
    filter: "",
    sort: &[],
    offset: 0,
    limit: 1,
    facets: &[],
    marks: ("[", "]"),
    snippet_words: 5,
};

fn refused<T>(answer: Result<T, Error>) -> bool {
    answer.is_err_and(|error| error.is_code("invalid_api_key"))
}

#[tokio::test]
async fn each_key_can_do_what_it_is_for_and_nothing_else() {
    for target in targets().await {
        let (name, index, master) = (target.name, target.engine.index(), SecretString::from(target.key.clone()));
        let config = EngineConfig {
            meili_index: index.to_owned(),
            ..EngineConfig::new(Some(&target.url), Some("whatever stands here"))
        };
        let with = |purpose: Purpose| {
            let config = EngineConfig { meili_key: Some(purpose.key(index, &master)), ..config.clone() };
            Engine::connect(&config).unwrap()
        };
        let (searcher, indexer) = (with(Purpose::Search), with(Purpose::Index));
        assert!(refused(indexer.presence().await), "{name}: nobody has told it yet");
        let keyring = Keyring::new(&config, &master).unwrap();
        assert_eq!(keyring.ensure().await.unwrap(), 3, "{name}");
        assert_eq!(keyring.ensure().await.unwrap(), 0, "{name}: it knows");

        // All that is done to an index.
        let id = Uuid::now_v7();
        indexer.begin_successor().await.unwrap();
        let mut feed = indexer.feed_successor();
        feed.push(&page(id, 1, "a walrus")).await.unwrap();
        feed.finish().await.unwrap();
        indexer.promote_successor().await.unwrap();
        assert!(indexer.is_in_order().await.unwrap());
        indexer.put_pages(&[page(id, 2, "a seal")]).await.unwrap();
        assert_eq!(indexer.held_of(&[id]).await.unwrap()[&id].records, 2, "{name}");
        assert!(indexer.keep_synonyms(&[("seal".to_owned(), vec!["walrus".to_owned()])].into()).await.unwrap());
        assert_eq!(indexer.stats().await.unwrap().records, 2);
        assert!(refused(indexer.search(&WORD).await), "{name}: it searches");

        assert_eq!(searcher.search(&WORD).await.unwrap().hits.len(), 1, "{name}");
        assert_eq!(searcher.count_pages("walrus", true, &among(&[id])).await.unwrap().pages[&id], 1);
        assert!(refused(searcher.delete_document(id).await) && refused(searcher.stats().await), "{name}");
        assert!(refused(searcher.keep_synonyms(&Default::default()).await), "{name}");
        assert!(refused(searcher.get_page(id, 1).await), "{name}");
        let elsewhere = EngineConfig { meili_index: "elsewhere".to_owned(), ..config.clone() };
        let key = Some(Purpose::Search.key(index, &master));
        let other = Engine::connect(&EngineConfig { meili_key: key, ..elsewhere }).unwrap();
        assert!(refused(other.search(&WORD).await), "{name}: another index");
        for purpose in [Purpose::Search, Purpose::Index] {
            let ring = Keyring::new(&config, &purpose.key(index, &master)).unwrap();
            assert!(refused(ring.ensure().await), "{name}: it makes keys");
        }
        indexer.delete_document(id).await.unwrap();
        indexer.drop_index().await.unwrap();
    }
}

//! What PostgreSQL's parser, its languages and the vocabulary say about the words of a question.

use pg::{Error, types::ToSql};

use super::Store;
use crate::{
    domain::{Term, Terms},
    fallback::{self, Analysis, Compiled},
};

/// Written words that are looked at for each word that may have a typo.
const NEAR: i64 = 20;
/// How near a word must be to be looked at: low enough for two letters swapped in a short word.
const THRESHOLDS: &str = "SELECT set_config('pg_trgm.similarity_threshold', '0.25', true),
    set_config('pg_trgm.word_similarity_threshold', '0.4', true)";

/// The languages that documents have are read off an index, one step for each.
const WORDS: &str = "
    WITH RECURSIVE languages (language) AS (
        (SELECT d.language FROM documents.searchable_documents d ORDER BY d.language LIMIT 1)
        UNION ALL
        SELECT (SELECT d.language FROM documents.searchable_documents d
                WHERE d.language > l.language ORDER BY d.language LIMIT 1)
        FROM languages l WHERE l.language IS NOT NULL),
    configurations AS MATERIALIZED (
        SELECT DISTINCT documents.text_configuration(language) AS configuration
        FROM languages WHERE language IS NOT NULL)
    SELECT
        (SELECT coalesce(array_agg(l.lexeme ORDER BY l.positions[1]), '{}')
         FROM unnest(to_tsvector('pg_catalog.simple', t.text)) l) AS lexemes,
        (SELECT coalesce(array_agg(DISTINCT s.lexeme), '{}')
         FROM configurations c, unnest(to_tsvector(c.configuration, t.text)) s
         WHERE t.word AND s.lexeme <> lower(t.text)) AS stems,
        EXISTS (SELECT FROM documents.search_vocabulary v WHERE v.word = t.text)
            OR t.prefix AND EXISTS (SELECT FROM documents.search_vocabulary v
                                    WHERE v.word >= t.text AND v.word < t.text || $4) AS written,
        coalesce((SELECT y.others FROM synonyms y WHERE t.word AND y.word = t.text), '{}') AS synonyms
    FROM unnest($1::text[], $2::bool[], $3::bool[]) WITH ORDINALITY AS t (text, word, prefix, place)
    ORDER BY t.place";

/// Words on pages and in titles that are near each of `$1`.
const NEAR_WORDS: &str = "
    SELECT (SELECT coalesce(array_agg(n.word ORDER BY n.near DESC, n.word), '{}') FROM (
        SELECT w.word, public.similarity(w.word, t.text) AS near FROM (
            SELECT v.word FROM documents.search_vocabulary v WHERE v.word OPERATOR(public.%) t.text
            UNION
            SELECT regexp_split_to_table(d.title, '[^[:alnum:]]+') FROM (
                SELECT lower(d.title) AS title FROM documents.searchable_documents d
                WHERE t.text OPERATOR(public.<%) lower(d.title) LIMIT $2) d) w
        WHERE w.word <> '' ORDER BY 2 DESC, 1 LIMIT $2) n)
    FROM unnest($1::text[]) WITH ORDINALITY AS t (text, place) ORDER BY t.place";

impl Store {
    /// The question as PostgreSQL takes it; `None` when it sees no word in it.
    pub(super) async fn compile(&self, terms: &Terms) -> Result<Option<Compiled>, Error> {
        let (mut texts, mut words, mut prefixes) = (Vec::new(), Vec::new(), Vec::new());
        for term in &terms.0 {
            let (text, word, prefix) = match term {
                Term::Word { text, prefix } => (text, true, *prefix),
                Term::Phrase(text) | Term::Not(text) => (text, false, false),
            };
            texts.push(text.to_lowercase());
            words.push(word);
            prefixes.push(prefix);
        }
        let last = char::MAX.to_string();
        let parameters: [&(dyn ToSql + Sync); 4] = [&texts, &words, &prefixes, &last];
        let rows = self.pool.get().await?.query(WORDS, &parameters).await?;
        // What somebody has written is taken for what is meant.
        let mend = |n: usize| words[n] && !rows[n].get::<_, bool>("written") && fallback::typos_allowed(&texts[n]) > 0;
        let unknown: Vec<&String> = (0..rows.len()).filter(|n| mend(*n)).map(|n| &texts[n]).collect();
        let mut near = self.near(&unknown).await?.into_iter();
        let analyses: Vec<Analysis> = (0..rows.len())
            .map(|n| {
                let written = if mend(n) { near.next().unwrap_or_default() } else { Vec::new() };
                let mut near = fallback::mended(&texts[n], prefixes[n], &written);
                near.extend(rows[n].get::<_, Vec<String>>("synonyms"));
                Analysis { lexemes: rows[n].get("lexemes"), stems: rows[n].get("stems"), near }
            })
            .collect();
        Ok(fallback::compile(terms, &analyses))
    }

    /// For each of these words, written words that are near it.
    async fn near(&self, words: &[&String]) -> Result<Vec<Vec<String>>, Error> {
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.pool.get().await?;
        let transaction = connection.begin("read_vocabulary").await?;
        transaction.execute(THRESHOLDS, &[]).await?;
        let rows = transaction.query(NEAR_WORDS, &[&words, &NEAR]).await?;
        transaction.commit().await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

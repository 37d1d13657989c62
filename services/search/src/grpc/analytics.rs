//! The contract of the analytics ↔ the domain.

use chassis::{Fault, FieldFault, Role, grpc::caller};
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use proto::search::{
    ContactSearches, GetContactSearchesRequest, GetOverviewRequest, GetSearchesRequest, ListSynonymsRequest, Overview,
    Searches, Synonym, Synonyms, analytics_server::Analytics,
};
use tonic::{Request, Response, Status};

use crate::{error::Error, store::Store};

/// Days of one answer.
const MOST_DAYS: i32 = 400;
const DEFAULT_DAYS: i32 = 30;
const WORD_CHARACTERS: usize = 40;
const MOST_OTHERS: usize = 20;

pub(crate) struct AnalyticsApi {
    pub(crate) store: Store,
}

/// Both ends included.
fn span(from: &str, to: &str) -> Result<(Date, Date), Fault> {
    let day = |field: &str, text: &str| {
        text.parse::<Date>().map_err(|_| Fault::field(field, "must be a day, as in 2026-12-31"))
    };
    let today = || Timestamp::now().to_zoned(TimeZone::UTC).date();
    let to = if to.is_empty() { today() } else { day("to", to)? };
    let from = match from {
        "" => to.saturating_sub((DEFAULT_DAYS - 1).days()),
        text => day("from", text)?,
    };
    let days = (to - from).get_days();
    if !(0..MOST_DAYS).contains(&days) {
        return Err(Fault::unprocessable(
            "from",
            format!("must be at most {MOST_DAYS} days before to, and not after it"),
        ));
    }
    Ok((from, to))
}

fn rows(limit: i32) -> Result<u8, Fault> {
    match limit {
        0 => Ok(20),
        1..=100 => Ok(limit as u8),
        _ => Err(Fault::field("limit", "must be between 1 and 100")),
    }
}

/// One word in lower case.
fn word(field: &str, text: &str) -> Result<String, FieldFault> {
    // The Turkish İ becomes two characters, of which the second is no letter.
    let text = text.to_lowercase().replace('\u{307}', "");
    let fits = (1..=WORD_CHARACTERS).contains(&text.chars().count()) && text.chars().all(char::is_alphanumeric);
    let detail = format!("must be one word of at most {WORD_CHARACTERS} letters and digits");
    if fits { Ok(text) } else { Err(FieldFault { field: field.to_owned(), detail }) }
}

fn parse_synonym(sent: &Synonym) -> Result<Synonym, Fault> {
    let fault = |fault: FieldFault| Fault::fields(vec![fault]);
    let name = word("word", &sent.word).map_err(fault)?;
    if sent.others.len() > MOST_OTHERS {
        return Err(Fault::field("others", format!("must have at most {MOST_OTHERS} words")));
    }
    let others = sent.others.iter().map(|other| word("others", other)).collect::<Result<Vec<_>, _>>();
    let mut others = others.map_err(fault)?;
    others.sort_unstable();
    others.dedup();
    others.retain(|other| *other != name);
    Ok(Synonym { word: name, others })
}

#[tonic::async_trait]
impl Analytics for AnalyticsApi {
    async fn get_overview(&self, request: Request<GetOverviewRequest>) -> Result<Response<Overview>, Status> {
        caller(&request).require(Role::Editor)?;
        let sent = request.into_inner();
        let (from, to) = span(&sent.from, &sent.to)?;
        Ok(Response::new(self.store.overview(from, to).await.map_err(Error::from)?))
    }

    async fn get_searches(&self, request: Request<GetSearchesRequest>) -> Result<Response<Searches>, Status> {
        caller(&request).require(Role::Editor)?;
        let sent = request.into_inner();
        let (from, to) = span(&sent.from, &sent.to)?;
        let limit = rows(sent.limit)?;
        Ok(Response::new(self.store.searches(from, to, limit.into()).await.map_err(Error::from)?))
    }

    async fn get_contact_searches(
        &self,
        request: Request<GetContactSearchesRequest>,
    ) -> Result<Response<ContactSearches>, Status> {
        let who = caller(&request);
        who.require(Role::Editor)?;
        let GetContactSearchesRequest { from, to, limit } = request.get_ref();
        let (days, limit) = (span(from, to)?, rows(*limit)?.into());
        let items = self.store.contact_searches(&who, days, limit).await.map_err(Error::from)?;
        Ok(Response::new(ContactSearches { items }))
    }

    async fn list_synonyms(&self, request: Request<ListSynonymsRequest>) -> Result<Response<Synonyms>, Status> {
        caller(&request).require(Role::Editor)?;
        Ok(Response::new(Synonyms { items: self.store.synonyms().await.map_err(Error::from)? }))
    }

    async fn put_synonym(&self, request: Request<Synonym>) -> Result<Response<Synonyms>, Status> {
        caller(&request).require(Role::Editor)?;
        let synonym = parse_synonym(request.get_ref())?;
        self.store.put_synonym(&synonym).await.map_err(Error::from)?;
        Ok(Response::new(Synonyms { items: self.store.synonyms().await.map_err(Error::from)? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synonym_is_words_in_lower_case_each_once_and_never_itself() {
        let sent = |word: &str, others: &[&str]| Synonym {
            word: word.to_owned(),
            others: others.iter().map(|o| (*o).to_owned()).collect(),
        };
        assert_eq!(parse_synonym(&sent("KFZ", &["Auto", "auto", "kfz"])).unwrap(), sent("kfz", &["auto"]));
        assert!(parse_synonym(&sent("two words", &["x"])).is_err());
        assert!(parse_synonym(&sent("x", &["y"; 21])).is_err());
    }

    #[test]
    fn a_span_has_both_its_ends_and_a_limit() {
        assert!(span("2026-01-02", "2026-01-01").is_err());
        assert!(span("2024-01-01", "2026-01-01").is_err());
        assert!(span("yesterday", "").is_err());
        let (from, to) = span("", "2026-01-30").unwrap();
        assert_eq!((from.to_string(), to.to_string()), ("2026-01-01".to_owned(), "2026-01-30".to_owned()));
    }
}

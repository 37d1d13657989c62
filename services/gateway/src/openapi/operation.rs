use chassis::Role;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::kind;
use crate::{problem, wire::List, words::problems::meaning};

type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

fn schema_of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

/// Who may make a call; what they then see is another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Anybody,
    SignedIn,
    Needs(Role),
}

/// A field of the query or of the header.
pub(crate) struct Parameter {
    place: &'static str,
    name: &'static str,
    text: &'static str,
    required: bool,
    schema: SchemaOf,
    more: Option<Value>,
    json: bool,
}

impl Parameter {
    /// A field of the query that may be left out.
    pub(crate) fn query<T: JsonSchema>(name: &'static str, text: &'static str) -> Self {
        Self { place: "query", name, text, required: false, schema: schema_of::<T>, more: None, json: false }
    }

    /// A whole number within bounds.
    pub(crate) fn number(name: &'static str, text: &'static str, min: i32, max: i32) -> Self {
        Self {
            more: Some(json!({"type": "integer", "minimum": min, "maximum": max})),
            ..Self::query::<i32>(name, text)
        }
    }

    /// One of a few words.
    pub(crate) fn one_of(name: &'static str, text: &'static str, words: &[&str]) -> Self {
        Self { more: Some(json!({"type": "string", "enum": words})), ..Self::query::<String>(name, text) }
    }

    /// A field of the header that may be left out.
    fn header<T: JsonSchema>(name: &'static str, text: &'static str) -> Self {
        Self { place: "header", ..Self::query::<T>(name, text) }
    }

    fn describe(&self, schemas: &mut SchemaGenerator) -> Value {
        let schema = self.more.clone().unwrap_or_else(|| (self.schema)(schemas).to_value());
        let mut written =
            json!({"name": self.name, "in": self.place, "required": self.required, "description": self.text});
        match self.json {
            true => written["content"] = json!({"application/json": {"schema": schema}}),
            false => written["schema"] = schema,
        }
        written
    }

    /// The value is the text of a JSON value.
    pub(crate) fn in_json(mut self) -> Self {
        self.json = true;
        self
    }

    /// Must be there.
    pub(crate) fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// What is sent or answered in one media type.
enum Content {
    Json(SchemaOf),
    Form(SchemaOf),
    /// Bytes, or text with a form of its own.
    Plain(&'static str, Value),
}

impl Content {
    fn describe(&self, schemas: &mut SchemaGenerator) -> (String, Value) {
        let (media_type, schema) = match self {
            Content::Json(of) => ("application/json", of(schemas).to_value()),
            Content::Form(of) => ("application/x-www-form-urlencoded", of(schemas).to_value()),
            Content::Plain(media_type, schema) => (*media_type, schema.clone()),
        };
        (media_type.to_owned(), json!({"schema": schema}))
    }
}

struct Answered {
    status: u16,
    text: &'static str,
    content: Vec<Content>,
    headers: &'static [&'static str],
}

/// What one call takes and answers.
pub(crate) struct Operation {
    summary: &'static str,
    access: Access,
    parameters: Vec<Parameter>,
    body: Vec<Content>,
    body_required: bool,
    answers: Vec<Answered>,
    statuses: Vec<u16>,
    open_to_sites: bool,
}

impl Operation {
    /// A call that this sentence describes, that takes and answers nothing yet and that anybody may make.
    pub(crate) fn new(summary: &'static str) -> Self {
        Self {
            summary,
            access: Access::Anybody,
            parameters: Vec::new(),
            body: Vec::new(),
            body_required: true,
            answers: Vec::new(),
            statuses: vec![401, 429, 503, 504],
            open_to_sites: false,
        }
    }

    /// Only for those who have this role.
    pub(crate) fn needs(mut self, role: Role) -> Self {
        self.access = Access::Needs(role);
        self.may_fail(&[403])
    }

    /// Only for those who are signed in.
    pub(crate) fn signed_in(mut self) -> Self {
        self.access = Access::SignedIn;
        self.may_fail(&[403])
    }

    /// More ways to fail.
    pub(crate) fn may_fail(mut self, statuses: &[u16]) -> Self {
        self.statuses.extend(statuses);
        self
    }

    /// Fields of the query.
    pub(crate) fn query(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self.may_fail(&[400])
    }

    /// A field of the header.
    pub(crate) fn header<T: JsonSchema>(mut self, name: &'static str, text: &'static str) -> Self {
        self.parameters.push(Parameter::header::<T>(name, text));
        self
    }

    /// A JSON body.
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.body.push(Content::Json(schema_of::<T>));
        self.may_fail(&[400, 408, 413, 415])
    }

    /// A JSON body, or none.
    pub(crate) fn may_take<T: JsonSchema>(mut self) -> Self {
        self.body_required = false;
        self.takes::<T>()
    }

    /// The same as the form of a web page.
    pub(crate) fn or_form<T: JsonSchema>(mut self) -> Self {
        self.body.push(Content::Form(schema_of::<T>));
        self
    }

    /// A body of another kind.
    pub(crate) fn takes_bytes(mut self, media_type: &'static str, schema: Value) -> Self {
        self.body.push(Content::Plain(media_type, schema));
        self
    }

    fn answer(
        mut self,
        status: u16,
        text: &'static str,
        content: Vec<Content>,
        headers: &'static [&'static str],
    ) -> Self {
        self.answers.push(Answered { status, text, content, headers });
        self
    }

    /// 200 with JSON.
    pub(crate) fn answers<T: JsonSchema>(self) -> Self {
        self.answer(200, "Here it is", vec![Content::Json(schema_of::<T>)], &[])
    }

    /// 202 with JSON: it has begun.
    pub(crate) fn accepts<T: JsonSchema>(self) -> Self {
        self.answer(202, "It has begun", vec![Content::Json(schema_of::<T>)], &[])
    }

    /// Another success.
    pub(crate) fn also<T: JsonSchema>(self, status: u16, text: &'static str) -> Self {
        self.answer(status, text, vec![Content::Json(schema_of::<T>)], &[])
    }

    /// Another success, with header fields of its own.
    pub(crate) fn also_with<T: JsonSchema>(
        self,
        status: u16,
        text: &'static str,
        headers: &'static [&'static str],
    ) -> Self {
        self.answer(status, text, vec![Content::Json(schema_of::<T>)], headers)
    }

    /// Another success, of another kind.
    pub(crate) fn also_bytes(
        self,
        status: u16,
        text: &'static str,
        media_type: &'static str,
        schema: Value,
        headers: &'static [&'static str],
    ) -> Self {
        self.answer(status, text, vec![Content::Plain(media_type, schema)], headers)
    }

    /// Another success, without a body.
    pub(crate) fn also_nothing(self, status: u16, text: &'static str, headers: &'static [&'static str]) -> Self {
        self.answer(status, text, Vec::new(), headers)
    }

    /// A page of a list, with its cursor and its limit.
    pub(crate) fn page_of<T: JsonSchema + serde::Serialize>(mut self) -> Self {
        self.parameters.push(Parameter::query::<kind::Cursor>("cursor", "`next_cursor` of the page before"));
        self.parameters.push(Parameter::number("limit", "Items of a page; 50 unless said", 1, 200));
        self.answers::<List<T>>().may_fail(&[400, 422])
    }

    /// A resource that says its revision.
    pub(crate) fn entity<T: JsonSchema>(self) -> Self {
        self.header::<String>("If-None-Match", "The `ETag` that is known already")
            .answer(200, "Here it is", vec![Content::Json(schema_of::<T>)], &["ETag"])
            .answer(304, "It is as you know it", Vec::new(), &["ETag"])
    }

    /// A change of a resource, under the condition that nobody else was faster.
    pub(crate) fn changes<T: JsonSchema>(self) -> Self {
        self.conditional().answer(200, "Done; here it is", vec![Content::Json(schema_of::<T>)], &["ETag"])
    }

    /// `If-Match`.
    pub(crate) fn conditional(self) -> Self {
        self.header::<String>("If-Match", "The `ETag` that it must still have").may_fail(&[412])
    }

    /// A new resource.
    pub(crate) fn creates<T: JsonSchema>(self) -> Self {
        self.idempotent().answer(
            201,
            "Made; `Location` says where it is",
            vec![Content::Json(schema_of::<T>)],
            &["Location", "ETag", "Idempotency-Replayed"],
        )
    }

    /// `Idempotency-Key`.
    pub(crate) fn idempotent(self) -> Self {
        let text = "Makes it safe to repeat this call: 1 to 255 visible ASCII characters, new for each request";
        self.header::<IdempotencyKey>("Idempotency-Key", text).may_fail(&[400, 409, 422])
    }

    /// 204.
    pub(crate) fn nothing(self) -> Self {
        self.answer(204, "Done", Vec::new(), &[])
    }

    /// Answered to scripts of the sites that are listed, too.
    pub(crate) fn open_to_sites(mut self) -> Self {
        self.open_to_sites = true;
        self
    }

    /// Limited for each address, more narrowly than every call is.
    pub(crate) fn limited(self) -> Self {
        self.may_fail(&[429])
    }

    pub(super) fn describe(&self, id: &str, tag: &str, has_id: bool, schemas: &mut SchemaGenerator) -> Value {
        let mut written = json!({
            "operationId": id,
            "tags": [tag],
            "summary": self.summary,
            "security": self.security(),
            "responses": self.responses(has_id, schemas),
        });
        match self.access {
            Access::Anybody => {}
            Access::SignedIn => written["x-required-role"] = "viewer".into(),
            Access::Needs(role) => written["x-required-role"] = role.as_str().into(),
        }
        let parameters: Vec<Value> = self.parameters.iter().map(|p| p.describe(schemas)).collect();
        if !parameters.is_empty() {
            written["parameters"] = parameters.into();
        }
        if !self.body.is_empty() {
            let content: Map<String, Value> = self.body.iter().map(|c| c.describe(schemas)).collect();
            written["requestBody"] = json!({"required": self.body_required, "content": content});
        }
        written
    }

    fn security(&self) -> Value {
        match self.access {
            Access::Anybody => json!([{}, {"session": []}, {"token": []}]),
            Access::SignedIn | Access::Needs(_) => json!([{"session": []}, {"token": []}]),
        }
    }

    fn responses(&self, has_id: bool, schemas: &mut SchemaGenerator) -> Value {
        let mut responses = Map::new();
        let sites: &[&str] = if self.open_to_sites { &["Access-Control-Allow-Origin", "Vary"] } else { &[] };
        for answered in &self.answers {
            let stale: &[&str] = if answered.status == 200 { &["Warning", "Age"] } else { &[] };
            let names = ALWAYS.iter().chain(answered.headers).chain(sites).chain(stale);
            let headers: Map<String, Value> =
                names.map(|n| ((*n).to_owned(), json!({"$ref": format!("#/components/headers/{n}")}))).collect();
            let mut response = json!({"description": answered.text, "headers": headers});
            let content: Map<String, Value> = answered.content.iter().map(|c| c.describe(schemas)).collect();
            if !content.is_empty() {
                response["content"] = content.into();
            }
            responses.insert(answered.status.to_string(), response);
        }
        for status in self.statuses.iter().chain(has_id.then_some(&404)) {
            let name = PROBLEMS.iter().find(|(known, ..)| known == status).map_or("Problem", |(_, name, _)| name);
            responses
                .entry(status.to_string())
                .or_insert_with(|| json!({"$ref": format!("#/components/responses/{name}")}));
        }
        responses.insert("default".to_owned(), json!({"$ref": "#/components/responses/Problem"}));
        responses.into()
    }
}

struct IdempotencyKey;

impl JsonSchema for IdempotencyKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IdempotencyKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"})
    }
}

/// On every answer, the second to fourth where there is a limit.
const ALWAYS: [&str; 5] = ["X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Traceparent"];

/// Status, name, and the slug whose sentences explain it.
const PROBLEMS: [(u16, &str, &str); 16] = [
    (400, "Invalid", "invalid"),
    (401, "Unauthenticated", "unauthenticated"),
    (403, "Forbidden", "forbidden"),
    (404, "NotFound", "not-found"),
    (408, "RequestTimeout", "request-timeout"),
    (409, "Conflict", "conflict"),
    (412, "PreconditionFailed", "precondition-failed"),
    (413, "TooLarge", "too-large"),
    (415, "UnsupportedMediaType", "unsupported-media-type"),
    (416, "RangeNotSatisfiable", "range-not-satisfiable"),
    (422, "Unprocessable", "unprocessable"),
    (429, "RateLimited", "rate-limited"),
    (500, "Internal", "internal"),
    (503, "Unavailable", "unavailable"),
    (504, "Timeout", "timeout"),
    (507, "StorageFull", "storage-full"),
];

/// The responses that calls refer to.
pub(super) fn problems() -> Value {
    let mut responses = Map::new();
    for (status, name, slug) in PROBLEMS {
        let (title, text) = meaning(slug).unwrap_or_default();
        let mut fields = ALWAYS.to_vec();
        match status {
            401 => fields.push("WWW-Authenticate"),
            429 | 503 => fields.push("Retry-After"),
            _ => {}
        }
        responses.insert(name.to_owned(), problem(text, &fields, Some(problem::example(status, slug, title))));
    }
    responses.insert("Problem".to_owned(), problem("Any other problem", &ALWAYS, None));
    responses.into()
}

fn problem(text: &str, headers: &[&str], example: Option<Value>) -> Value {
    let headers: Map<String, Value> =
        headers.iter().map(|n| ((*n).to_owned(), json!({"$ref": format!("#/components/headers/{n}")}))).collect();
    let mut content = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
    if let Some(example) = example {
        content["example"] = example;
    }
    json!({"description": text, "headers": headers, "content": {"application/problem+json": content}})
}

/// The header fields that responses refer to.
pub(super) fn headers() -> Value {
    let text = |text: &str| json!({"description": text, "schema": {"type": "string"}});
    let number = |text: &str| json!({"description": text, "schema": {"type": "integer", "minimum": 0}});
    json!({
        "X-Request-Id": text("The id of this request, in every line of the log that it caused"),
        "ETag": text("The revision"),
        "Cache-Control": text("Who may keep it, and for how long"),
        "Location": text("Where the new resource is"),
        "Idempotency-Replayed": text("`true` when the same key was answered before, and this is that answer"),
        "Access-Control-Allow-Origin": text("The origin that asked, if it is one of `ALLOWED_ORIGINS`"),
        "Vary": text("`Origin`, where there are such origins"),
        "WWW-Authenticate": text("`Bearer`"),
        "Retry-After": number("Seconds until it is worth another try"),
        "RateLimit-Limit": number("Requests in a minute"),
        "RateLimit-Remaining": number("Of these left"),
        "RateLimit-Reset": number("Seconds until all of them are there again; with 429, until the next one is"),
        "Traceparent": text("The trace that this request belongs to (W3C)"),
        "Warning": text("`110`: this is an older answer, since a new one cannot be had at the moment"),
        "Age": number("Seconds since it was new"),
        "Content-Disposition": text("`attachment` and the file's name (RFC 8187)"),
        "Content-Range": text("Which bytes these are, of how many"),
        "Accept-Ranges": text("`bytes`"),
    })
}

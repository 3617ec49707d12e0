//! One operation of the document, as extractors and answers describe it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde_json::{Value, json};
use store::permission::Permission;

use super::Schemas;
use crate::http::export::{Asked, Exported};
use crate::http::problem::Problem;

/// An extractor says what it asks of a request.
pub(crate) trait Asks {
    /// Adds what it asks, and how it may refuse.
    fn asks(operation: &mut Operation, schemas: &mut Schemas) {
        let _ = (operation, schemas);
    }
}

/// An answer says what it is.
pub(crate) trait Answers {
    /// Adds what may be answered.
    fn answers(operation: &mut Operation, schemas: &mut Schemas);
}

impl<S> Asks for State<S> {}

impl<T: Answers> Answers for Result<T, Problem> {
    fn answers(operation: &mut Operation, schemas: &mut Schemas) {
        T::answers(operation, schemas);
        operation.refuses(StatusCode::INTERNAL_SERVER_ERROR);
        operation.refuses(StatusCode::SERVICE_UNAVAILABLE);
    }
}

/// Whatever a handler puts together itself is described where the route is.
impl Answers for Response {
    fn answers(_: &mut Operation, _: &mut Schemas) {}
}

/// What an export is not that is made of a list's pages.
const NO_SNAPSHOT: &str = "The list is read a page at a time, and is no snapshot: what changes meanwhile may be in it \
                           as it was or as it is, or be missing.";

/// One operation, as far as it is described.
#[derive(Debug, Default)]
pub(crate) struct Operation {
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: BTreeMap<u16, Value>,
    is_open: bool,
    permission: Option<Permission>,
    is_operators: bool,
    is_upload: bool,
    note: Option<&'static str>,
}

impl Operation {
    /// Takes a header that the document knows by name.
    pub(crate) fn takes(&mut self, parameter: &str) {
        let parameter = json!({ "$ref": format!("#/components/parameters/{parameter}") });
        if !self.parameters.contains(&parameter) {
            self.parameters.push(parameter);
        }
    }

    /// Takes the parameters of a query.
    pub(crate) fn takes_query<T: JsonSchema>(&mut self, schemas: &mut Schemas) {
        self.parameters.extend(schemas.query::<T>());
    }

    /// Takes a part of the path.
    pub(super) fn takes_path(&mut self, name: &str) {
        // Every object is named by a UUID, but for what the world has named before.
        let schema = if name == "cve" {
            json!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9:._-]{0,79}$" })
        } else {
            json!({ "type": "string", "format": "uuid" })
        };
        self.parameters
            .push(json!({ "name": name, "in": "path", "required": true, "schema": schema }));
        self.refuses(StatusCode::NOT_FOUND);
        self.refuses(StatusCode::UNPROCESSABLE_ENTITY);
    }

    /// Takes a body of JSON.
    pub(crate) fn takes_body<T: JsonSchema>(&mut self, schemas: &mut Schemas) {
        self.takes_content("application/json", schemas.asked::<T>());
    }

    /// Takes a body of some media type.
    pub(crate) fn takes_content(&mut self, media_type: &str, schema: Value) {
        let mut body = json!({ "required": true });
        body["content"][media_type]["schema"] = schema;
        self.body = Some(body);
        for status in [
            StatusCode::BAD_REQUEST,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ] {
            self.refuses(status);
        }
    }

    /// Takes a document as it comes, in a time of its own.
    pub(crate) fn takes_upload(&mut self, media_type: &str, schema: Value) {
        self.takes_content(media_type, schema);
        self.is_upload = true;
    }

    /// May be refused with a problem.
    pub(crate) fn refuses(&mut self, status: StatusCode) {
        let problem = format!("#/components/responses/Problem{}", status.as_u16());
        self.responses.entry(status.as_u16()).or_insert_with(|| json!({ "$ref": problem }));
    }

    /// Is answered with JSON.
    pub(crate) fn gives<T: JsonSchema>(&mut self, status: StatusCode, schemas: &mut Schemas) {
        self.gives_content(status, "application/json", schemas.answered::<T>());
    }

    /// Is answered with some media type.
    pub(crate) fn gives_content(&mut self, status: StatusCode, media_type: &str, schema: Value) {
        // Beside what else it may be answered with.
        self.answer(status)["content"][media_type]["schema"] = schema;
    }

    /// Is answered, without more.
    pub(crate) fn gives_nothing(&mut self, status: StatusCode) {
        self.answer(status);
    }

    /// The answer carries a header that the document knows by name.
    pub(crate) fn gives_header(&mut self, status: StatusCode, header: &str, name: &str) {
        self.answer(status)["headers"][header] =
            json!({ "$ref": format!("#/components/headers/{name}") });
    }

    /// Every answer that is no refusal sets the session's cookie, or takes it away.
    pub(crate) fn sets_cookie(&mut self) {
        for status in [StatusCode::CREATED, StatusCode::NO_CONTENT, StatusCode::SEE_OTHER] {
            if self.responses.contains_key(&status.as_u16()) {
                self.gives_header(status, "Set-Cookie", "SetCookie");
            }
        }
    }

    /// Is the export of the list that was described.
    pub(super) fn exports(&mut self, is_paged: bool, schemas: &mut Schemas) {
        let is_of_pages = |one: &Value| {
            one["in"] == "query" && (one["name"] == "limit" || one["name"] == "page_token")
        };
        self.parameters.retain(|one| !is_of_pages(one));
        self.takes_query::<Asked>(schemas);
        self.refuses(StatusCode::UNPROCESSABLE_ENTITY);
        self.responses.remove(&StatusCode::OK.as_u16());
        Exported::answers(self, schemas);
        self.note = is_paged.then_some(NO_SNAPSHOT);
    }

    /// Whether it takes a document as it comes.
    pub(super) const fn is_upload(&self) -> bool {
        self.is_upload
    }

    /// Whether it is about one company.
    pub(super) fn is_of_company(&self) -> bool {
        self.permission.is_some() && !self.is_operators
    }

    fn answer(&mut self, status: StatusCode) -> &mut Value {
        self.responses.entry(status.as_u16()).or_insert_with(|| {
            json!({
                "description": status.canonical_reason().unwrap_or("Answered"),
                "headers": {
                    "Muster-Request-Id": { "$ref": "#/components/headers/RequestId" },
                },
            })
        })
    }

    /// Needs somebody who is let in.
    pub(crate) fn needs_somebody(&mut self) {
        self.is_open = false;
        self.refuses(StatusCode::UNAUTHORIZED);
        self.refuses(StatusCode::TOO_MANY_REQUESTS);
    }

    /// Needs a permission in a company.
    pub(crate) fn needs(&mut self, permission: Permission) {
        self.needs_somebody();
        self.permission = Some(permission);
        self.takes("Company");
        for status in [
            StatusCode::BAD_REQUEST,
            StatusCode::FORBIDDEN,
            StatusCode::NOT_FOUND,
            StatusCode::UNPROCESSABLE_ENTITY,
        ] {
            self.refuses(status);
        }
    }

    /// Needs a permission of operators.
    pub(crate) fn needs_operator(&mut self, permission: Permission) {
        self.needs_somebody();
        self.permission = Some(permission);
        self.is_operators = true;
        self.refuses(StatusCode::FORBIDDEN);
    }

    /// Is for everybody, before they are let in.
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// Changes something, so that it may be asked again, and a browser has to show that the page
    /// was ours.
    pub(super) fn writes(&mut self) {
        self.takes("IdempotencyKey");
        self.takes("Csrf");
        for status in [
            StatusCode::BAD_REQUEST,
            StatusCode::FORBIDDEN,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::CONFLICT,
            StatusCode::UNPROCESSABLE_ENTITY,
            StatusCode::PAYLOAD_TOO_LARGE,
        ] {
            self.refuses(status);
        }
    }

    /// The operation as it stands in the document.
    pub(super) fn into_json(self, id: &str, summary: &str, tag: &str) -> Value {
        let mut document = json!({
            "operationId": id,
            "summary": summary,
            "tags": [tag],
            "responses": self.responses.into_iter().map(|(status, response)| {
                (status.to_string(), response)
            }).collect::<serde_json::Map<_, _>>(),
            "security": if self.is_open { json!([]) } else { json!([{ "key": [] }, { "session": [] }]) },
        });
        if !self.parameters.is_empty() {
            document["parameters"] = Value::Array(self.parameters);
        }
        if let Some(body) = self.body {
            document["requestBody"] = body;
        }
        let mut sentences: Vec<String> = Vec::new();
        if let Some(permission) = self.permission {
            document["x-muster-permission"] = permission.as_str().into();
            document["x-muster-role"] = permission.role().as_str().into();
            document["x-muster-operators"] = self.is_operators.into();
            sentences.push(format!(
                "Takes the permission `{}`, which the role {} has.",
                permission.as_str(),
                permission.role().as_str()
            ));
        }
        sentences.extend(self.note.map(str::to_owned));
        if !sentences.is_empty() {
            document["description"] = sentences.join(" ").into();
        }
        document
    }
}

//! Schemas of what is asked and answered, from the types that are read and written.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// The schemas that a document refers to.
#[derive(Debug)]
pub(crate) struct Schemas {
    /// Of what is answered: what may be left out differs from what may be asked.
    answered: SchemaGenerator,
    asked: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        // OpenAPI 3.1 has the dialect of 2020-12.
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = Cow::Borrowed("/components/schemas");
                settings.meta_schema = None;
            })
        };
        Self {
            answered: settings().for_serialize().into_generator(),
            asked: settings().for_deserialize().into_generator(),
        }
    }

    /// The schema of an answer.
    pub(super) fn answered<T: JsonSchema>(&mut self) -> Value {
        self.answered.subschema_for::<T>().to_value()
    }

    /// The schema of a body.
    pub(super) fn asked<T: JsonSchema>(&mut self) -> Value {
        self.asked.subschema_for::<T>().to_value()
    }

    /// The parameters of a query, one a field.
    pub(super) fn query<T: JsonSchema>(&mut self) -> Vec<Value> {
        let schema = T::json_schema(&mut self.asked).to_value();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let none = Map::new();
        let fields = schema["properties"].as_object().unwrap_or(&none);
        let parameter = |(name, schema): (&String, &Value)| {
            let mut schema = without_null(schema.clone());
            let description = schema.as_object_mut().and_then(|s| s.remove("description"));
            let mut parameter = json!({
                "name": name,
                "in": "query",
                "required": required.iter().any(|one| one == name),
                "schema": schema,
            });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            parameter
        };
        fields.iter().map(parameter).collect()
    }

    /// What was referred to.
    pub(super) fn components(mut self) -> Map<String, Value> {
        let mut all = self.answered.take_definitions(true);
        all.extend(self.asked.take_definitions(true));
        all.insert("Problem".to_owned(), problem());
        all
    }
}

/// A query says nothing by leaving out; it has no word for null.
fn without_null(mut schema: Value) -> Value {
    if let Some(types) = schema["type"].as_array_mut() {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            schema["type"] = one.clone();
        }
    }
    if let Some(any) = schema["anyOf"].as_array_mut() {
        any.retain(|one| one["type"] != "null");
        if let [one] = any.as_slice() {
            let (one, description) = (one.clone(), schema["description"].take());
            schema = one;
            if !description.is_null() {
                schema["description"] = description;
            }
        }
    }
    if let Some(object) = schema.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    schema
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "What is wrong, where, and what to do (RFC 9457).",
        "required": ["type", "title", "status", "detail", "request_id", "trace_id"],
        "properties": {
            "type": { "type": "string", "description": "A stable word that programs can compare." },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "request_id": { "type": "string" },
            "trace_id": {
                "type": "string",
                "description": "The trace of `traceparent`, or one of the request's own (W3C Trace Context).",
            },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "detail"],
                    "properties": {
                        "field": { "type": "string" },
                        "detail": { "type": "string" },
                    },
                },
            },
        },
    })
}

/// The schema of an instant, which goes as RFC 3339. Only ever named: `#[schemars(with = "DateTime")]`.
pub(crate) enum DateTime {}

impl JsonSchema for DateTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DateTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// The schema of a day, which goes as `2026-03-01`. Only ever named, as [`DateTime`] is.
pub(crate) enum DayName {}

impl JsonSchema for DayName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DayName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

/// Declares the schema of a set of words that other crates own: the words come from the type itself.
macro_rules! names_of {
    ($(#[doc = $doc:literal])+ $name:ident as $public:literal: $words:expr) => {
        $(#[doc = $doc])+
        pub(crate) enum $name {}

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $public.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words: Vec<&str> = $words;
                schemars::json_schema!({ "type": "string", "enum": words })
            }
        }
    };
}

pub(crate) use names_of;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[schemars(rename = "Sample")]
    #[expect(dead_code, reason = "only its schema is asked for")]
    struct Sample {
        /// A part of the name.
        query: Option<String>,
        limit: u32,
        #[schemars(with = "Option<DateTime>")]
        since: Option<String>,
    }

    #[test]
    fn a_query_has_a_parameter_a_field_and_no_null() {
        let parameters = Schemas::new().query::<Sample>();
        let query = parameters.iter().find(|p| p["name"] == "query").unwrap();
        assert_eq!(query["required"], false);
        assert_eq!(query["schema"]["type"], "string");
        assert_eq!(query["description"], "A part of the name.");
        let since = parameters.iter().find(|p| p["name"] == "since").unwrap();
        assert_eq!(since["schema"]["format"], "date-time");
        assert!(!since.to_string().contains("null"), "{since}");
        assert!(parameters.iter().any(|p| p["name"] == "limit" && p["required"] == true));
    }
}

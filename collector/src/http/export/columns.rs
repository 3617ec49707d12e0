//! The columns of a list, out of the schema of its items: what the API says of an item is what a column shows.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Row;

/// What the schema of a field says that is a secret, or may be one, and in no file.
const SECRET: &str = "x-muster-secret";

/// A column: the way from an item to one of its values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// The names on the way, with `_` between them, as `platform_family`.
    pub(super) name: String,
    path: Vec<String>,
}

/// The columns of items: a field of an object within an item is a column, too. Fields that are always there come
/// first, in the order of the type, and then the others by their names.
pub(super) fn of<T: JsonSchema>() -> Vec<Column> {
    let mut columns = Vec::new();
    collect(&schema::<T>(), &[], &mut columns);
    columns
}

/// The fields of items that no export has.
pub(super) fn left_out<T: JsonSchema>() -> Vec<String> {
    let schema = schema::<T>();
    let fields = fields(&schema).unwrap_or_default().into_iter();
    fields.filter(|(_, field)| field[SECRET] == true).map(|(name, _)| name.to_owned()).collect()
}

fn schema<T: JsonSchema>() -> Value {
    // What contains itself is a reference even so, and one cell.
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}

fn collect(schema: &Value, path: &[&str], columns: &mut Vec<Column>) {
    let Some(fields) = fields(schema) else {
        let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
        columns.push(Column { name: path.join("_"), path });
        return;
    };
    for (name, field) in fields {
        if field[SECRET] != true {
            collect(field, &[path, &[name]].concat(), columns);
        }
    }
}

/// The fields of an object that has the same ones always; `None` of everything else.
fn fields(schema: &Value) -> Option<Vec<(&str, &Value)>> {
    // What may be missing is itself or null.
    let schema = match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([one, null]) if null["type"] == "null" => one,
        Some(_) => return None,
        None => schema,
    };
    let properties = schema["properties"].as_object()?;
    if schema.get("oneOf").is_some() || schema["additionalProperties"] == true {
        return None;
    }
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let always = required.iter().filter_map(|name| properties.get_key_value(name.as_str()?));
    let others = properties.iter().filter(|(name, _)| !required.iter().any(|one| one == *name));
    Some(always.chain(others).map(|(name, field)| (name.as_str(), field)).collect())
}

impl Column {
    /// The item's cell.
    pub(super) fn cell(&self, item: &Value, row: &mut Row<'_>) {
        let value = self.path.iter().try_fold(item, |value, name| value.get(name));
        match value {
            None | Some(Value::Null) => row.maybe(None),
            Some(Value::Bool(value)) => row.own(value),
            Some(Value::Number(value)) => row.own(value),
            Some(Value::String(text)) => row.text(text),
            Some(Value::Array(values)) => row.text(&lines(values)),
            Some(object @ Value::Object(_)) => row.text(&object.to_string()),
        }
    }
}

/// Values, one a line.
fn lines(values: &[Value]) -> String {
    let line = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    values.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Item {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<String>,
        inner: Inner,
        #[serde(skip_serializing_if = "Option::is_none")]
        maybe: Option<Inner>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("x-muster-secret" = true))]
        key: Option<String>,
        tags: Vec<String>,
        labels: BTreeMap<String, String>,
        rule: Rule,
    }

    #[derive(Serialize, JsonSchema)]
    struct Inner {
        first: u32,
        second: bool,
    }

    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its schema is asked for")]
    enum Rule {
        Not(Box<Self>),
        Is { name: String },
    }

    #[test]
    fn fields_of_objects_are_columns_and_secrets_are_none() {
        let names: Vec<String> = of::<Item>().into_iter().map(|column| column.name).collect();
        let expected = [
            "name",
            "inner_first",
            "inner_second",
            "tags",
            "labels",
            "rule",
            "maybe_first",
            "maybe_second",
            "until",
        ];
        assert_eq!(names, expected);
        assert_eq!(left_out::<Item>(), ["key"]);
    }

    #[test]
    fn values_are_written_as_they_are_and_texts_as_no_formula() {
        let item = json!({
            "name": "=1+1",
            "inner": { "first": 7, "second": true },
            "tags": ["-a", "b,c"],
            "labels": { "site": "north" },
            "rule": { "not": { "is": { "name": "a" } } },
            "key": "secret",
        });
        let mut out = Vec::new();
        let mut row = Row::new(&mut out);
        for column in of::<Item>() {
            column.cell(&item, &mut row);
        }
        row.end();
        let line = String::from_utf8(out).unwrap();
        let expected = concat!(
            r#""'=1+1",7,true,"'-a"#,
            "\n",
            r#"b,c","{""site"":""north""}","{""not"":{""is"":{""name"":""a""}}}",,,"#,
            "\r\n",
        );
        assert_eq!(line, expected);
    }
}

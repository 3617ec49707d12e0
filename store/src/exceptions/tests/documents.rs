//! Documents of other people's statements: which there are, however many, and each once.

use serde_json::json;

use super::*;
use crate::exceptions::documents::{
    DOCUMENTS_KEPT_MAX, DOCUMENTS_MAX, NewDocument, SAID_BYTES_MAX, documents, import, left_over,
};

#[tokio::test]
async fn what_is_left_over_is_of_all_documents_also_of_those_that_no_list_shows() {
    let world = World::new().await;
    let more = DOCUMENTS_MAX + 1;
    let sql = format!(
        r#"INSERT INTO vex_documents (company_key, id, format, name, version, imported_at,
               imported_by, frame, unknown)
           SELECT {}, gen_random_uuid(), 'openvex', n::text, '1', now(), 'local', '{{}}', '["x"]'
           FROM generate_series(1, {more}) n"#,
        world.scope.key()
    );
    world.database.execute(&sql).await;
    assert_eq!(documents(&world.scope).await.unwrap().len(), DOCUMENTS_MAX as usize);
    let all = left_over(&world.scope, "openvex").await.unwrap();
    assert_eq!(all.len(), more as usize);
    assert!(all.iter().all(|(_, unknown)| *unknown == json!(["x"])));
    assert!(left_over(&world.scope, "cyclonedx").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_document_that_comes_twice_at_once_is_there_once() {
    let world = World::new().await;
    let (empty, none) = (json!({}), json!([]));
    let bring = async |number: u128| {
        let document = NewDocument {
            id: Uuid::from_u128(number),
            format: "openvex",
            name: "https://vex.example/1",
            version: "1",
            frame: &empty,
            unknown: &none,
        };
        import(&world.scope, &document, &[], at(1)).await.unwrap();
    };
    tokio::join!(bring(1), bring(2), bring(3));
    assert_eq!(documents(&world.scope).await.unwrap().len(), 1);
}

/// Brings a document without exceptions, whose statements name nothing.
async fn bring(world: &World, name: &str, unknown: &Value) -> Result<(), CreateError> {
    let document =
        NewDocument { id: id(), format: "openvex", name, version: "1", frame: &json!({}), unknown };
    import(&world.scope, &document, &[], at(1)).await.map(|_| ())
}

#[tokio::test]
async fn a_company_has_so_many_documents_and_new_versions_of_them() {
    let world = World::new().await;
    let sql = format!(
        "INSERT INTO vex_documents (company_key, id, format, name, version, imported_at,
             imported_by, frame, unknown)
         SELECT {}, gen_random_uuid(), 'openvex', n::text, '1', now(), 'local', '{{}}', '[]'
         FROM generate_series(1, {DOCUMENTS_KEPT_MAX}) n",
        world.scope.key()
    );
    world.database.execute(&sql).await;
    let one_more = bring(&world, "one more", &json!([])).await.unwrap_err();
    assert!(matches!(one_more, CreateError::TooManyDocuments), "{one_more}");
    bring(&world, "7", &json!([])).await.unwrap();
    let other = crate::test_fixtures::company(world.store(), "Other").await;
    bring(&World { scope: other, ..world }, "one more", &json!([])).await.unwrap();
}

#[tokio::test]
async fn what_documents_say_comes_to_so_much_in_a_company_and_no_more() {
    let world = World::new().await;
    let half = "x".repeat(SAID_BYTES_MAX as usize / 2);
    bring(&world, "first", &json!([half])).await.unwrap();
    let too_much = bring(&world, "second", &json!([half])).await.unwrap_err();
    assert!(matches!(too_much, CreateError::TooMuchSaid), "{too_much}");
    assert_eq!(documents(&world.scope).await.unwrap().len(), 1, "nothing of it came in");
    bring(&world, "first", &json!([half])).await.unwrap();
    bring(&world, "second", &json!(["x"])).await.unwrap();
}

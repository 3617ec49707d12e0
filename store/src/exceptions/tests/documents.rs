//! Documents of other people's statements: which there are, however many, and each once.

use serde_json::json;

use super::*;
use crate::exceptions::documents::{DOCUMENTS_MAX, NewDocument, documents, import, left_over};

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

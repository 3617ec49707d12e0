//! Routes, mounted and described at once.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use serde_json::{Value, json};

use super::{Answers, Asks, Operation, Schemas};
use crate::http::export::{self, Listed, Listing};
use crate::http::state::ApiState;

/// Routes of the API: what axum serves and what the document says of it.
#[derive(Debug)]
pub(crate) struct Routes {
    router: Router<ApiState>,
    described: Vec<Described>,
    tags: Vec<(&'static str, &'static str)>,
}

/// One operation on one path.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub(super) path: Cow<'static, str>,
    pub(super) method: &'static str,
    id: Cow<'static, str>,
    summary: Cow<'static, str>,
    tag: &'static str,
    describe: fn(&mut Operation, &mut Schemas),
}

impl Described {
    /// Whether it takes a document as it comes.
    fn is_upload(&self) -> bool {
        let mut operation = Operation::default();
        (self.describe)(&mut operation, &mut Schemas::new());
        operation.is_upload()
    }

    /// What the document says of it.
    pub(super) fn document(&self, schemas: &mut Schemas) -> Value {
        let mut operation = Operation::default();
        operation.open();
        for name in self
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')))
        {
            operation.takes_path(name);
        }
        (self.describe)(&mut operation, schemas);
        if self.method != "get" {
            operation.writes();
        }
        operation.into_json(&self.id, &self.summary, self.tag)
    }
}

/// A handler whose every argument and whose answer can be described.
pub(crate) trait Documented<Arguments, Answer> {
    /// Describes both.
    fn describe(operation: &mut Operation, schemas: &mut Schemas);
}

macro_rules! documented {
    ($($argument:ident)*) => {
        impl<F, R, $($argument,)*> Documented<($($argument,)*), R::Output> for F
        where
            F: Fn($($argument),*) -> R,
            R: Future,
            R::Output: Answers,
            $($argument: Asks,)*
        {
            fn describe(operation: &mut Operation, schemas: &mut Schemas) {
                $($argument::asks(operation, schemas);)*
                R::Output::answers(operation, schemas);
            }
        }
    };
}

documented!();
documented!(A);
documented!(A B);
documented!(A B C);
documented!(A B C D);
documented!(A B C D E);
documented!(A B C D E G);

/// Declares a method of `Routes` for a method of HTTP.
macro_rules! method {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        pub(crate) fn $name<H, T, I, O>(
            self,
            path: &'static str,
            id: &'static str,
            summary: &'static str,
            handler: H,
        ) -> Self
        where
            H: Handler<T, ApiState> + Documented<I, O>,
            T: 'static,
        {
            let describe = H::describe as fn(&mut Operation, &mut Schemas);
            let said = (id.into(), summary.into());
            self.add(path.into(), stringify!($name), said, describe, routing::$name(handler))
        }
    };
}

/// Describes the export of a list.
fn describe_whole<H: Documented<I, O>, I, O: Listed>(
    operation: &mut Operation,
    schemas: &mut Schemas,
) {
    H::describe(operation, schemas);
    operation.exports(O::IS_PAGED, schemas);
}

impl Routes {
    /// No routes yet; those to come are shown under this heading.
    pub(crate) fn of(tag: &'static str, description: &'static str) -> Self {
        Self { router: Router::new(), described: Vec::new(), tags: vec![(tag, description)] }
    }

    method! {
        /// Something to read.
        get
    }
    method! {
        /// Something to make or to do.
        post
    }
    method! {
        /// Something to put in place of what is there.
        put
    }
    method! {
        /// Something to change in part.
        patch
    }
    method! {
        /// Something to take away.
        delete
    }

    /// A list to read, and below it, under `/export`, the same list whole.
    pub(crate) fn list<H, T, I, O>(
        self,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, ApiState> + Documented<I, O>,
        T: 'static,
        O: Listed,
    {
        let name = id.strip_prefix("list_").unwrap_or(id);
        let mut operation = Operation::default();
        H::describe(&mut operation, &mut Schemas::new());
        let list = handler.clone();
        let listing = Arc::new(Listing::new::<O>(name, list, operation.is_of_company()));
        let whole = move |State(state): State<ApiState>, request: Request| {
            export::respond_listed::<H, T>(Arc::clone(&listing), state, request)
        };
        let said = (
            format!("export_{name}").into(),
            format!("{}, whole", summary.trim_end_matches(", a page at a time")).into(),
        );
        let describe = describe_whole::<H, I, O> as fn(&mut Operation, &mut Schemas);
        let path_whole = format!("{path}/export").into();
        self.get(path, id, summary, handler).add(
            path_whole,
            "get",
            said,
            describe,
            routing::get(whole),
        )
    }

    fn add(
        mut self,
        path: Cow<'static, str>,
        method: &'static str,
        (id, summary): (Cow<'static, str>, Cow<'static, str>),
        describe: fn(&mut Operation, &mut Schemas),
        router: MethodRouter<ApiState>,
    ) -> Self {
        let tag = self.tags.last().map_or("", |(tag, _)| tag);
        self.router = self.router.route(&path, router);
        self.described.push(Described { path, method, id, summary, tag, describe });
        self
    }

    /// Takes in other routes.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.described.extend(other.described);
        self.tags.extend(other.tags);
        self
    }

    /// Those that take a document as it comes: the method in small letters, and the path.
    pub(crate) fn uploads(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let uploads = self.described.iter().filter(|one| one.is_upload());
        uploads.map(|one| (one.method, &*one.path))
    }

    pub(super) fn described(&self) -> &[Described] {
        &self.described
    }

    pub(super) fn tags(&self) -> Value {
        let tags = self.tags.iter();
        tags.map(|(name, description)| json!({ "name": name, "description": description }))
            .collect()
    }

    /// What axum serves.
    pub(crate) fn into_router(self) -> Router<ApiState> {
        self.router
    }
}

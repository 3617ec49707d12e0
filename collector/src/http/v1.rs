//! Version 1 of the API: a file an object.

mod api_keys;
mod audit;
mod companies;
mod company;
mod counts;
mod credential;
mod cves;
mod dead_letters;
mod digests;
mod enrolment_tokens;
mod events;
mod every;
mod exceptions;
mod feeds;
mod findings;
mod hosts;
mod imports;
mod invitations;
mod jobs;
mod labels;
mod oidc;
mod operators;
mod pipeline;
mod policies;
mod profile;
mod report_files;
mod report_schedules;
mod retention;
mod selection;
mod sessions;
mod settings;
mod software;
mod statistics;
mod users;
mod vex;
mod webhooks;

pub(super) use self::imports::ImportView;
use crate::http::document::Routes;

pub(super) fn routes() -> Routes {
    api_keys::routes()
        .merge(audit::routes())
        .merge(companies::routes())
        .merge(company::routes())
        .merge(cves::routes())
        .merge(dead_letters::routes())
        .merge(digests::routes())
        .merge(enrolment_tokens::routes())
        .merge(events::routes())
        .merge(exceptions::routes())
        .merge(feeds::routes())
        .merge(findings::routes())
        .merge(hosts::routes())
        .merge(imports::routes())
        .merge(invitations::routes())
        .merge(jobs::routes())
        .merge(labels::routes())
        .merge(oidc::routes())
        .merge(operators::routes())
        .merge(pipeline::routes())
        .merge(policies::routes())
        .merge(profile::routes())
        .merge(report_files::routes())
        .merge(report_schedules::routes())
        .merge(retention::routes())
        .merge(sessions::routes())
        .merge(settings::routes())
        .merge(software::routes())
        .merge(statistics::routes())
        .merge(users::routes())
        .merge(vex::routes())
        .merge(webhooks::routes())
}

//! Feed sync against a server that replays NVD's real pages, with everything that goes wrong there.
#![expect(clippy::unwrap_used, reason = "what a test cannot do, it fails for")]

#[path = "feed_sync/api.rs"]
mod api;
#[path = "feed_sync/bundles.rs"]
mod bundles;
#[path = "feed_sync/feed_files.rs"]
mod feed_files;
#[path = "feed_sync/files.rs"]
mod files;
#[path = "feed_sync/http.rs"]
mod http;
#[path = "feed_sync/msrc.rs"]
mod msrc;
#[path = "feed_sync/ratings.rs"]
mod ratings;
#[path = "feed_sync/red_hat_vex.rs"]
mod red_hat_vex;
#[path = "feed_sync/server.rs"]
mod server;
#[path = "feed_sync/site.rs"]
mod site;

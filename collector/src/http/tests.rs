//! The API against a real database: what it answers, whom it answers, and what it refuses.

mod access;
mod conventions;
mod credentials;
mod exceptions;
mod exports;
mod fleet;
mod harness;
mod instants;
mod labels;
mod live;
mod model;
mod objects;
mod pages;
mod people;
mod policies;
mod problems;
mod replays;
mod requests;
mod revisions;
mod rules;
mod walk;
mod webhook_messages;
mod webhooks;

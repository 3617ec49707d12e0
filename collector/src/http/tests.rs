//! The API against a real database: what it answers, whom it answers, and what it refuses.

mod access;
mod conventions;
mod exports;
mod harness;
mod live;
mod model;
mod objects;
mod people;
mod problems;
mod requests;
mod rules;
mod walk;
mod webhooks;

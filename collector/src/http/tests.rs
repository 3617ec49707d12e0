//! The API against a real database: what it answers, whom it answers, and what it refuses.

mod access;
mod harness;
mod objects;
mod problems;
mod requests;

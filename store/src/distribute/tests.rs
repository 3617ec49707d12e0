//! That the schema and every statement can be spread over servers by company. Citus itself is not
//! here: what it asks for is held by the real catalogue, by a parser over every statement, and by
//! stand-ins for its functions that note in which order they are called.

mod catalogue;
mod lists;
mod parse;
mod queries;
mod steps;

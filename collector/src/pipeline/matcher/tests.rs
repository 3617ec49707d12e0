//! Judging with caches, without them, and with broken ones.

//! Ingest: agents' connections, admitted and acknowledged.

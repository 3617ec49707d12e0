//! The pipeline: batches out of the queue, matched and stored.

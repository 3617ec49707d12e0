//! The composition root: the parts of a collector, put together.

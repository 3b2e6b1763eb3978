//! HTTP, dispatch, the request log, health and metrics.

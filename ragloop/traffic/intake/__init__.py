"""Traffic that services send while they run: OTLP over HTTP, kept on disk until it is in the log."""

"""Whether to train: drift between windows of the log, and the cadence."""

"""The interfaces in one process's memory: for tests, bounded runs and single gateways."""

"""Adapters of protocols that belong to no vendor: this project's gateway, OpenTelemetry."""

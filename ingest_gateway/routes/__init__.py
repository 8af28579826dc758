"""HTTP routes that both hosts share, and those of the server alone."""

"""The run-book's troubles, each provoked on this machine, seen, and mended as the page says."""

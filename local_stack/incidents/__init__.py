"""The run-book's incidents, each provoked on this machine, seen, and mended as the page says."""

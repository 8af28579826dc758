"""What runs beside the bundles, in the worker's event loop: sessions' shells, streams, calls."""

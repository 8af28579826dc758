"""Jobs on this kit alone; ``tests/integration/kit`` runs them on Flink."""

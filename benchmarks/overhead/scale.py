"""How a job is submitted for many sessions (docs/decisions/0011)."""

ONE_WORKER_SESSIONS = 150
"""Beyond that a worker's one lock of Python's is what limits the job."""

MANY_SESSIONS = (
    "--parallelism=2",
    "--sdk_worker_parallelism=2",
    "--partitions=16",
    "--max_bundle_time_mills=40",
)
"""Options of ``pipelines.main``: two workers, and enough partitions that they share them evenly."""

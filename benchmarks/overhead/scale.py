"""How a job is submitted for many sessions (docs/decisions/0011)."""

ONE_WORKER_SESSIONS = 150
"""Beyond that a worker's one lock of Python's is what limits the job."""

MANY_WORKERS = 4
MANY_SESSIONS = (
    "--parallelism=2",
    f"--sdk_worker_parallelism={MANY_WORKERS}",
    "--partitions=16",
    "--max_bundle_time_mills=80",
)
"""Options of ``pipelines.main``. Enough partitions that two subtasks share them evenly; and since
Flink deals the subtasks of all stages out to the workers as they come, more workers than two, or
both of the stage that works hardest may get the same one."""


COMPARED_SHARDS = 4
"""At each degree of parallelism, or the load would not be the same."""


def at_parallelism(parallelism: int) -> tuple[str, ...]:
    """Options of ``pipelines.main`` for a run that compares degrees of parallelism: the same
    partitions at each, which 1, 2 and 4 subtasks share evenly."""
    workers = workers_at(parallelism)
    return (
        f"--parallelism={parallelism}",
        f"--sdk_worker_parallelism={workers}",
        "--partitions=16",
    )


def workers_at(parallelism: int) -> int:
    """Twice as many as subtasks, for the reason above; one alone has nobody to share with."""
    return 1 if parallelism == 1 else 2 * parallelism

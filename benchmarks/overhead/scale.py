"""How a job is submitted for many sessions (docs/decisions/0011)."""

ONE_WORKER_SESSIONS = 150
"""Beyond that a worker's one lock of Python's is what limits the job."""

COMPARED_SHARDS = 4
"""At each degree of parallelism, or the load would not be the same."""

PYTHON_STAGES = 2
"""Those that the live graph has on Flink: the clock's numbers, and everything from the
transcription on."""


def workers_at(parallelism: int) -> int:
    """A worker process for each subtask of each stage: Flink deals subtasks out to the workers in
    the order in which they open, so with fewer two engines may share one. One subtask alone has
    nobody to share with."""
    return 1 if parallelism == 1 else PYTHON_STAGES * parallelism


def at_parallelism(parallelism: int) -> tuple[str, ...]:
    """Options of ``pipelines.main``."""
    return (
        f"--parallelism={parallelism}",
        f"--sdk_worker_parallelism={workers_at(parallelism)}",
    )


def parallelism_for(sessions: int) -> int:
    return 2 if sessions > ONE_WORKER_SESSIONS else 1

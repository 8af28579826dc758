"""The rooms and what each may import: one line a room, read by ``test_import_rules``.

A room is a package; its line is about its own modules, not about those of packages inside it. A
name allows that package's own modules, ``name.*`` also all packages inside it, and the name of a
module allows that module alone. A room may always import itself. Whatever is not of this project
(Beam, boto3, ...) is free to all rooms but the PURE ones.
"""

from __future__ import annotations

CALLS = "schemas connectors.interfaces connectors.calls"
PRODUCT = "schemas beam_flink_kit connectors.* ingest_gateway.* pipelines.*"

ROOMS: dict[str, str] = {
    "schemas": "",
    "beam_flink_kit": "",
    "beam_flink_kit.examples": "beam_flink_kit",
    # Every outside call. The rooms below know interfaces and each other's formats, and no choice.
    "connectors.interfaces": "schemas",
    "connectors.calls": "schemas connectors.interfaces",
    "connectors.audio": "schemas",
    "connectors.memory": "schemas connectors.interfaces",
    "connectors.files": "schemas connectors.interfaces connectors.audio",
    "connectors.amazon": f"{CALLS} connectors.audio",
    "connectors.services": f"{CALLS} connectors.audio",
    "connectors.offline": f"{CALLS} connectors.audio",
    "connectors.local": f"{CALLS} connectors.audio connectors.offline",
    "connectors.testing": (
        "schemas connectors.interfaces connectors.audio connectors.memory connectors.registry"
    ),
    "connectors.testing.contracts": (
        "schemas connectors.interfaces connectors.audio connectors.testing"
    ),
    # Which implementation of each interface a job has: the only place that knows them all.
    "connectors": "schemas connectors.*",
    # The job. What decides is pure; what carries out knows connectors by their interfaces.
    "pipelines.sentences": "",
    "pipelines.segmentation": "schemas pipelines.sentences",
    "pipelines.session": (
        "schemas connectors.interfaces pipelines.segmentation pipelines.sentences"
    ),
    "pipelines.log": (
        f"{CALLS} beam_flink_kit connectors.registry pipelines.session pipelines.runtime"
    ),
    "pipelines.runtime": (
        f"{CALLS} beam_flink_kit connectors.registry"
        " pipelines.session pipelines.segmentation pipelines.sentences pipelines.log"
    ),
    "pipelines.transforms": (
        "schemas beam_flink_kit connectors.interfaces connectors.calls.policy"
        " pipelines pipelines.session pipelines.segmentation pipelines.log pipelines.runtime"
    ),
    "pipelines": "schemas beam_flink_kit connectors.* pipelines.*",
    # The gateway. Its rooms know connectors by their interfaces; what composes it, all of them.
    "ingest_gateway.protocol": "schemas",
    "ingest_gateway.access": CALLS,
    "ingest_gateway.audio_in": f"{CALLS} ingest_gateway.*",
    "ingest_gateway.read_side": f"{CALLS} ingest_gateway.*",
    "ingest_gateway.operations": f"{CALLS} ingest_gateway.*",
    "ingest_gateway.sessions": f"{CALLS} ingest_gateway.*",
    "ingest_gateway.rooms": f"{CALLS} ingest_gateway.*",
    "ingest_gateway.routes": f"{CALLS} ingest_gateway.*",
    "ingest_gateway.webrtc": f"{CALLS} connectors.audio ingest_gateway.*",
    "ingest_gateway.client": "schemas connectors.interfaces connectors.audio ingest_gateway.*",
    "ingest_gateway.kvs": f"{CALLS} connectors.amazon ingest_gateway.*",
    "ingest_gateway.hosts": "",
    "ingest_gateway.hosts.aws": f"{CALLS} connectors.amazon ingest_gateway.*",
    "ingest_gateway.hosts.server": "schemas connectors.interfaces ingest_gateway.*",
    "ingest_gateway": "schemas connectors.* ingest_gateway.*",
    # What packages, runs and measures all of that. Nothing above may import it.
    "deployment": "local_stack.flink local_stack.ports local_stack.processes",
    # The picture of the graph is drawn from the graph that a cluster is given.
    "local_stack": f"{PRODUCT} local_stack.cloud local_stack.cluster.state local_stack.phones",
    "local_stack.phones": "beam_flink_kit ingest_gateway.routes.pages local_stack.ports",
    "local_stack.cloud": "schemas connectors.* local_stack",
    "local_stack.amazon_servers": "schemas connectors.* local_stack",
    "local_stack.demo": "schemas connectors.* ingest_gateway.* local_stack",
    "local_stack.cluster": (
        "schemas connectors.* ingest_gateway.* pipelines.*"
        " deployment local_stack local_stack.cloud local_stack.demo"
    ),
    "local_stack.incidents": "schemas beam_flink_kit connectors.* ingest_gateway.* local_stack.*",
    "benchmarks": "schemas connectors.* ingest_gateway.client local_stack",
    "benchmarks.kit": "beam_flink_kit local_stack benchmarks",
    **dict.fromkeys(
        (
            f"benchmarks.{room}"
            for room in (
                *("baseline", "bench", "browsers", "chaos", "cost", "endurance", "engines"),
                *("gateway", "gateway.abuse", "lag", "overhead", "recorded_talks", "score"),
            )
        ),
        f"{PRODUCT} local_stack.* benchmarks.*",
    ),
}

PURE = {
    "schemas": {"fastavro"},
    "pipelines.session": set[str](),
    "pipelines.segmentation": set[str](),
    "pipelines.sentences": set[str](),
}
"""Rooms that decide: no I/O, no clock, and of the libraries these alone."""

"""The Kubernetes manifests: the job's against the operator's own schema, without a cluster."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "docker" / "kubernetes"
EPHEMERAL_PORTS = 32_768
"""From here on Linux gives ports to who asks for any: Beam's servers in a TaskManager do."""
CRD = ROOT / ".cache" / "flink-operator" / "flinkdeployments.yml"


def manifests(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((MANIFESTS / name).read_text()))


def closed(schema: Any) -> Any:
    """The schema with unknown fields refused, which a cluster would drop without a word."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "type" not in schema
    if "properties" in schema and isinstance(schema["properties"], dict) and not open_ended:
        found.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
    return found


@pytest.fixture(scope="module")
def operator() -> dict[str, Any]:
    if not CRD.exists():
        pytest.skip(f"{CRD.relative_to(ROOT)} is missing: make test fetches it")
    crd = yaml.safe_load(CRD.read_text())
    schema = closed(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    for field, kind in (("apiVersion", "string"), ("kind", "string"), ("metadata", "object")):
        schema["properties"].setdefault(field, {"type": kind})
    return schema


@pytest.fixture
def job() -> dict[str, Any]:
    (found,) = manifests("job.yaml")
    return found


def complaints(operator: dict[str, Any], job: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft7Validator(operator)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(job)]


def test_the_operator_takes_the_job(operator: dict[str, Any], job: dict[str, Any]) -> None:
    assert complaints(operator, job) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"flinkVersion": "v9_9"}, "v9_9"),
        ({"taskManger": {}}, "taskManger"),
        ({"taskManager": {"resource": {"memory": "1g", "cpus": 1}}}, "cpus"),
        ({"job": {"parallelism": "four"}}, "four"),
    ],
)
def test_it_would_refuse_another(
    operator: dict[str, Any], job: dict[str, Any], change: dict[str, Any], complaint: str
) -> None:
    job["spec"].update(change)
    assert any(complaint in one for one in complaints(operator, job))


def test_the_job_runs_on_the_flink_that_its_jar_was_built_for(job: dict[str, Any]) -> None:
    versions = tomllib.loads((ROOT / "versions.toml").read_text())
    assert job["spec"]["flinkVersion"] == f"v{versions['flink_runner'].replace('.', '_')}"


def test_each_taskmanager_has_its_worker_pool_beside_it(job: dict[str, Any]) -> None:
    pod = job["spec"]["taskManager"]["podTemplate"]["spec"]
    names = [container["name"] for container in pod["containers"]]
    assert names == ["flink-main-container", "worker-pool"]
    port = pod["containers"][1]["ports"][0]["containerPort"]
    assert port == 25_000 < EPHEMERAL_PORTS
    assert f'"--port={port}"' in (ROOT / "docker" / "worker-pool" / "Dockerfile").read_text()


def test_a_collector_of_traces_fits_beside_them(
    operator: dict[str, Any], job: dict[str, Any]
) -> None:
    (patch,) = manifests("traces/kustomization.yaml")[0]["patches"]
    (change,) = yaml.safe_load(patch["patch"])
    *path, last = change["path"].strip("/").split("/")
    place: Any = job
    for name in path:
        place = place[name]
    assert last == "-"
    place.append(change["value"])
    assert complaints(operator, job) == []
    collector = change["value"]
    settings = yaml.safe_load(collector["env"][0]["value"])
    takes = settings["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    deployed = (ROOT / "scripts" / "deploy.sh").read_text()
    assert f"--trace_endpoint=http://{takes} " in deployed
    assert settings["service"]["pipelines"]["traces"]["exporters"] == ["awsxray"]


def test_what_a_new_jobmanager_needs_is_kept_outside_of_the_pods(job: dict[str, Any]) -> None:
    flink = job["spec"]["flinkConfiguration"]
    assert flink["high-availability.type"] == "kubernetes"
    kept = ("high-availability.storageDir", "state.checkpoints.dir", "state.savepoints.dir")
    assert all(flink[key].startswith("s3://") for key in kept)
    assert job["spec"]["job"]["upgradeMode"] == "savepoint"


def test_flinks_configuration_is_text(job: dict[str, Any]) -> None:
    """The operator takes nothing but strings there, and YAML makes numbers of numbers."""
    assert {type(value) for value in job["spec"]["flinkConfiguration"].values()} == {str}


def test_every_manifest_is_listed_and_every_account_is_there() -> None:
    listed = manifests("kustomization.yaml")[0]["resources"]
    files = {file.name for file in MANIFESTS.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == files
    accounts = {
        one["metadata"]["name"]
        for one in manifests("accounts.yaml")
        if one["kind"] == "ServiceAccount"
    }
    gateway = manifests("gateway.yaml")[0]["spec"]["template"]["spec"]
    assert {manifests("job.yaml")[0]["spec"]["serviceAccount"], gateway["serviceAccountName"]} == (
        accounts
    )


def test_pods_can_do_nothing_but_their_work(job: dict[str, Any]) -> None:
    gateway = manifests("gateway.yaml")[0]["spec"]["template"]["spec"]
    (patch,) = manifests("traces/kustomization.yaml")[0]["patches"]
    (collector,) = (change["value"] for change in yaml.safe_load(patch["patch"]))
    pods = job["spec"]["taskManager"]["podTemplate"]["spec"]["containers"]
    ours = [*gateway["containers"], pods[1], collector]
    assert [one["name"] for one in ours] == ["gateway", "worker-pool", "collector"]
    for container in ours:
        context = container["securityContext"]
        assert context.pop("runAsUser") >= 10_000
        assert context == {
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    assert gateway["automountServiceAccountToken"] is False
    (flink,) = job["spec"]["podTemplate"]["spec"]["containers"]
    assert flink["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_jobs_token_is_mounted_and_in_no_jar(job: dict[str, Any]) -> None:
    pod = job["spec"]["taskManager"]["podTemplate"]["spec"]
    (secret,) = (one["secret"] for one in pod["volumes"] if "secret" in one)
    assert secret["secretName"] == "gateway"
    mounted = {one["mountPath"] for one in pod["containers"][1]["volumeMounts"]}
    assert mounted == {"/tmp", "/run/secrets/job"}  # noqa: S108 - a folder of its own
    page = (ROOT / "docker" / "README.md").read_text()
    assert "--notify_token_file=/run/secrets/job/job-token" in page
    assert "--notify_token=" not in page


def test_who_reaches_the_gateway() -> None:
    gateway = manifests("gateway.yaml")[0]["spec"]["template"]
    (container,) = gateway["spec"]["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert f"--metrics-port={ports['metrics']}" in container["args"]
    assert gateway["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])
    policy = manifests("network.yaml")[0]["spec"]
    assert policy["podSelector"]["matchLabels"] == gateway["metadata"]["labels"]
    assert [rule["ports"] for rule in policy["ingress"]] == [
        [{"port": "http"}],
        [{"port": "metrics"}],
    ]
    (ingress,) = manifests("ingress.yaml")
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] in ingress["spec"]["tls"][0]["hosts"]
    (service,) = (one for one in manifests("gateway.yaml") if one["kind"] == "Service")
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": service["metadata"]["name"], "port": {"name": "http"}}
    snippet = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/server-snippet"]
    proxy = (ROOT / "docker" / "proxy" / "gateway.conf.template").read_text()
    kept_out = [line.strip() for line in proxy.splitlines() if "return 404" in line]
    assert snippet.splitlines() == kept_out


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on this machine")
def test_kubectl_puts_them_together() -> None:
    found = subprocess.run(
        ["kubectl", "kustomize", MANIFESTS], capture_output=True, text=True, check=True
    )
    built = list(yaml.safe_load_all(found.stdout))
    assert {one["kind"] for one in built} >= {"FlinkDeployment", "StatefulSet", "Service"}
    namespaces = {one["metadata"].get("namespace") for one in built if one["kind"] != "Namespace"}
    assert namespaces == {"live-translation"}

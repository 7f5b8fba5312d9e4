"""What starts a cluster in containers: files for Compose and KubeRay say what readers know."""

import re
import shlex
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from replay_server.cluster_command import cluster
from tests.replay_server.cluster.kuberay_schema import KINDS

ROOT = Path(__file__).parents[3]
MANIFEST = ROOT / "docker" / "kuberay.yaml"
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.cluster.yml").read_text())
START = (ROOT / "docker" / "start-cluster.sh").read_text()
OPTIONS = {parameter.name for parameter in cluster.params}


def documents() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(MANIFEST.read_text())}


def check(document: Any) -> None:
    jsonschema.Draft202012Validator(KINDS[document["kind"]]).validate(document)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_manifest_has_the_fields_of_its_kind(kind: str):
    check(documents()[kind])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        pytest.param("spec/rayClusterSpec/headGroupSpecs", {}, id="unknown_field"),
        pytest.param(
            "spec/rayClusterSpec/workerGroupSpecs/0/replicas", "3", id="text_for_a_number"
        ),
        pytest.param("spec/rayClusterSpec/headGroupSpec/rayStartParams/num-cpus", 1, id="number"),
        pytest.param("spec/submissionMode", "HttpMode", id="no_mode"),
        pytest.param("apiVersion", "ray.io/v2", id="another_version"),
    ],
)
def test_what_the_operator_would_refuse_is_seen(place: str, value: Any):
    job = deepcopy(documents()["RayJob"])
    *path, last = place.split("/")
    inner = job
    for key in path:
        inner = inner[int(key) if isinstance(inner, list) else key]
    inner[last] = value

    with pytest.raises(jsonschema.ValidationError):
        check(job)


def test_the_job_runs_the_command_with_options_that_it_has():
    words = shlex.split(documents()["RayJob"]["spec"]["entrypoint"])

    assert words[:2] == ["replay-server", "cluster"]
    context = cluster.make_context("cluster", words[2:])
    spec = documents()["RayJob"]["spec"]["rayClusterSpec"]
    assert context.params["nodes"] == 1 + sum(g["replicas"] for g in spec["workerGroupSpecs"])
    mounts = spec["headGroupSpec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert str(context.params["data_dir"]) in {mount["mountPath"] for mount in mounts}


def test_the_service_leads_to_the_gateway_of_the_head():
    service, job = documents()["Service"]["spec"], documents()["RayJob"]["spec"]
    head = job["rayClusterSpec"]["headGroupSpec"]["template"]
    ports = {port["name"]: port["containerPort"] for port in head["spec"]["containers"][0]["ports"]}

    assert service["selector"].items() <= head["metadata"]["labels"].items()
    assert f"--port {ports[service['ports'][0]['targetPort']]}" in job["entrypoint"]


def test_the_volume_is_claimed_and_all_images_are_of_one_version_of_ray():
    job = documents()["RayJob"]["spec"]["rayClusterSpec"]
    templates = [
        group["template"]["spec"] for group in (job["headGroupSpec"], *job["workerGroupSpecs"])
    ]

    claims = {v["persistentVolumeClaim"]["claimName"] for t in templates for v in t["volumes"]}
    assert claims == {documents()["PersistentVolumeClaim"]["metadata"]["name"]}
    images = {container["image"] for t in templates for container in t["containers"]}
    assert images == {f"replay-ray:{job['rayVersion']}"}
    pinned = re.search(r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M)
    assert pinned is not None
    assert pinned[1] == job["rayVersion"]


def test_the_manifest_says_that_it_was_not_run():
    assert "NOT RUN" in MANIFEST.read_text()


def test_compose_sets_options_that_the_command_has():
    names = list(COMPOSE["services"]["gateway"]["environment"])

    assert names
    for name in names:
        assert name.removeprefix("REPLAY_SERVER_").lower() in OPTIONS, name


def test_compose_starts_as_many_nodes_as_the_command_waits_for():
    gateway, node = COMPOSE["services"]["gateway"], COMPOSE["services"]["node"]

    waited = re.search(r":-(\d+)", gateway["environment"]["REPLAY_SERVER_NODES"])
    assert waited is not None
    assert int(waited[1]) == 1 + node["deploy"]["replicas"]
    (alias,) = gateway["networks"]["replay"]["aliases"]
    assert gateway["command"] == ["head", alias]
    assert node["command"] == ["node", alias]
    for role in ("head", "node"):
        assert re.search(rf"^{role}\)$", START, re.M)

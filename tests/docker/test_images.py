"""The images and the compose project, built and brought up for real.

`docker` and one of `docker compose` or `docker-compose` must be on the PATH, and an engine must
answer (DOCKER_HOST says which). TORCH_INDEX_URL, if set, is where the agent's image takes torch
from. Building takes minutes the first time.
"""

import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.docker

REPOSITORY = Path(__file__).parents[2]
MEGABYTE = 1_000_000
BUILD_WITHIN_S = 1_800.0
TRAIN_WITHIN_S = 900.0
HEALTHY_WITHIN_S = 120.0  # it is 6 s on a machine with nothing else to do
STOPPED_WITHIN_S = 10.0
SERVER_ONLY = ("fastapi", "starlette", "uvicorn", "numba", "plotly", "zstandard", "replay_server")
AGENT_ONLY = ("torch", "gymnasium", "matplotlib", "agent_client")


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments],
        check=check,
        capture_output=True,
        text=True,
        timeout=TRAIN_WITHIN_S,
    )


def inspect(name: str) -> Any:
    return json.loads(docker("inspect", name).stdout)[0]


def logs(container: str) -> str:
    told = docker("logs", container)
    return told.stdout + told.stderr


def wait_for_health(container: str) -> None:
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while (state := inspect(container)["State"])["Health"]["Status"] != "healthy":
        if state["Status"] != "running" or time.monotonic() > deadline:
            pytest.fail(f"not healthy but {state}; it says:\n{logs(container)}")
        time.sleep(0.2)


def stop(container: str) -> tuple[int, float]:
    """Return its exit code and the seconds it took."""
    started = time.monotonic()
    docker("stop", "--time", "60", container)
    return inspect(container)["State"]["ExitCode"], time.monotonic() - started


class Project:
    """A compose project with names and a port of its own."""

    def __init__(self, compose: Sequence[str], name: str, port: int) -> None:
        self._command = [*compose, "--project-name", name]
        self._environment = {
            **{
                variable: value
                for variable, value in os.environ.items()
                if not variable.startswith(("AGENT_CLIENT_", "REPLAY_", "COMPOSE_"))
            },
            "REPLAY_PUBLISHED_PORT": str(port),
            "DOCKER_BUILDKIT": "1",
            "COMPOSE_BAKE": "false",
        }
        self.name = name
        self.url = f"http://127.0.0.1:{port}"

    def compose(self, *arguments: str, within_s: float = 120.0, **variables: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            cwd=REPOSITORY,
            env={**self._environment, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
        )
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def container(self, service: str) -> str:
        (found,) = self.containers(service)
        return found

    def containers(self, service: str) -> list[str]:
        return self._all("ps", "--all", "--quiet", "--no-trunc", "--filter", service=service)

    def image(self, service: str) -> str:
        separators = ("-", "_")  # of Compose 2 and of Compose 1
        for image in (f"{self.name}{separator}{service}" for separator in separators):
            if docker("image", "inspect", image, check=False).returncode == 0:
                return image
        raise LookupError(f"no image of {service}")

    def _all(self, *command: str, service: str) -> list[str]:
        project = f"label=com.docker.compose.project={self.name}"
        which = f"label=com.docker.compose.service={service}"
        return docker(*command, project, "--filter", which).stdout.split()


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    """The project, built; its containers, networks, volumes and images go at the end."""
    if shutil.which("docker") is None or docker("info", check=False).returncode != 0:
        pytest.skip("no container engine answers: `docker info` fails")
    compose = ["docker", "compose"]
    if docker("compose", "version", check=False).returncode != 0:
        if shutil.which("docker-compose") is None:
            pytest.skip("neither `docker compose` nor `docker-compose` is there")
        compose = ["docker-compose"]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    built = Project(compose, f"replay-test-{uuid.uuid4().hex[:8]}", port)
    try:
        built.compose("build", within_s=BUILD_WITHIN_S)
        yield built
    finally:
        built.compose("down", "--volumes", "--rmi", "local", "--timeout", "60")


@contextmanager
def running(*arguments: str) -> Iterator[str]:
    """`docker run ARGUMENTS`, as locked up as can be: not even a tmpfs but its own /dev/shm."""
    lockup = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
    container = docker("run", "--detach", *lockup, *arguments).stdout.strip()
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container)


def modules_found(image: str, names: Sequence[str]) -> list[str]:
    program = (
        "import importlib.util, sys;"
        "print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])"
    )
    found = docker("run", "--rm", "--entrypoint=python", image, "-I", "-c", program, *names)
    return found.stdout.split()


def test_server_image_holds_nothing_of_the_agent(project: Project) -> None:
    image = project.image("server")

    assert modules_found(image, SERVER_ONLY) == list(SERVER_ONLY)
    assert modules_found(image, AGENT_ONLY) == []


def test_agent_image_holds_nothing_of_the_server(project: Project) -> None:
    image = project.image("agent")

    assert modules_found(image, AGENT_ONLY) == list(AGENT_ONLY)
    assert modules_found(image, SERVER_ONLY) == []


@pytest.mark.parametrize("service", ["server", "agent"])
def test_image_has_no_compiler_and_no_source_of_the_build(project: Project, service: str) -> None:
    look = "ls -d /build; command -v gcc cc clang make git; true"

    found = docker("run", "--rm", "--entrypoint=sh", project.image(service), "-c", look)

    assert found.stdout == ""


@pytest.mark.parametrize("service", ["server", "agent"])
def test_image_runs_as_a_fixed_user_who_is_not_root(project: Project, service: str) -> None:
    image = project.image(service)

    assert inspect(image)["Config"]["User"] == "10001:10001"
    told = docker("run", "--rm", "--entrypoint=id", image).stdout
    assert told.startswith("uid=10001(replay) gid=10001(replay)")


def test_server_adds_less_than_400_megabytes_to_its_base(project: Project) -> None:
    base = inspect("python:3.11-slim")["Size"]

    assert inspect(project.image("server"))["Size"] - base < 400 * MEGABYTE


def test_server_refuses_the_world_unless_told_otherwise(project: Project) -> None:
    refused = docker("run", "--rm", project.image("server"), check=False)

    assert refused.returncode == 2
    assert "--allow-unauthenticated" in refused.stderr


def test_kernels_are_read_from_the_image_and_none_is_compiled(project: Project) -> None:
    options = ("--env=NUMBA_DEBUG_CACHE=1", project.image("server"), "serve")
    with running(*options, "--allow-unauthenticated") as container:
        wait_for_health(container)
        told = logs(container)

    assert "[cache] data loaded from" in told
    assert "saved to" not in told


def test_locked_up_server_stops_promptly_with_0(project: Project) -> None:
    with running(project.image("server"), "serve", "--allow-unauthenticated") as container:
        wait_for_health(container)
        code, seconds = stop(container)

    assert code == 0
    assert seconds < STOPPED_WITHIN_S


def test_check_says_unhealthy_where_nothing_serves(project: Project) -> None:
    check = inspect(project.image("server"))["Config"]["Healthcheck"]["Test"][1:]

    told = docker(
        "run", "--rm", f"--entrypoint={check[0]}", project.image("server"), *check[1:], check=False
    )

    assert told.returncode == 1
    assert "no answer on port 8000" in told.stderr


def test_agent_learns_cartpole_through_the_server(project: Project, tmp_path: Path) -> None:
    project.compose("up", "--detach", "--no-build")
    agent, server = project.container("agent"), project.container("server")

    code = docker("wait", agent).stdout.strip()

    assert code == "0", logs(agent)
    docker("cp", f"{agent}:/results/runs", str(tmp_path))
    (run,) = (tmp_path / "runs").iterdir()
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["episodes"] == 100
    assert evaluation["mean_return"] >= 475.0
    assert (run / "learning_curve.png").stat().st_size > 0
    volumes = {mount["Destination"]: mount["Type"] for mount in inspect(agent)["Mounts"]}
    assert volumes["/results"] == "volume"

    assert httpx.get(f"{project.url}/readyz").status_code == 200  # it goes on serving
    code_of_server, seconds = stop(server)
    assert code_of_server == 0
    assert seconds < STOPPED_WITHIN_S


def test_four_actors_and_a_learner_learn_cartpole(project: Project, tmp_path: Path) -> None:
    project.compose(
        "up", "--build", "--detach", "--scale", "actor=4", "learner", "actor",
        within_s=BUILD_WITHIN_S,
    )  # fmt: skip
    learner = project.container("learner")

    code = docker("wait", learner).stdout.strip()

    assert code == "0", logs(learner)
    docker("cp", f"{learner}:/results/runs", str(tmp_path))
    newest = max((tmp_path / "runs").iterdir(), key=lambda run: run.name[-15:])
    assert json.loads((newest / "evaluation.json").read_text())["mean_return"] >= 475.0
    told = []
    for actor in project.containers("actor"):
        assert docker("wait", actor).stdout.strip() == "0", logs(actor)
        told.append(logs(actor).splitlines()[-1])
    numbers = sorted(line.split()[1] for line in told)
    assert numbers == ["0", "1", "2", "3"], told


def test_services_may_do_no_more_than_they_need(project: Project) -> None:
    project.compose("up", "--no-start", "--no-build")

    project.compose("up", "--no-start", "--no-build", "learner", "actor")

    for service in ("server", "agent", "learner", "actor"):
        host = inspect(project.container(service))["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["Memory"] > 0
    published = inspect(project.container("server"))["HostConfig"]["PortBindings"]
    assert [binding["HostIp"] for bindings in published.values() for binding in bindings] == [
        "127.0.0.1"
    ]
    assert not inspect(project.container("agent"))["HostConfig"]["PortBindings"]
    (network,) = inspect(project.container("agent"))["NetworkSettings"]["Networks"]
    assert inspect(network)["Internal"]

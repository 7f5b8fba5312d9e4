"""The examples run, against a real server, and the tour notices what is not as predicted."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from agent_client.__main__ import main as agent_client
from agent_client.exporting import visited_observations
from agent_client.runs.saved_policy import load_policy
from agent_client.runs.settings import run_config_from
from tests.agent_client.saved_runs import saved_run

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(
    name: str, url: str, *options: str, timeout_s: float = 120.0
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), url, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def test_every_reply_of_the_tour_is_as_predicted(server_url: str):
    done = run("tour.py", server_url)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert re.search(r"All \d\d answers were as predicted", done.stdout)


def test_the_tour_may_be_taken_again(server_url: str):
    assert run("tour.py", server_url).returncode == 0


def test_the_tour_meets_every_error_that_a_request_can_cause():
    text = (EXAMPLES / "tour.py").read_text()

    for code in ("malformed", "unknown_table", "not_found", "method_not_allowed", "table_exists",
                 "stale_sequence", "nothing_to_draw", "too_large", "unsupported_media_type",
                 "invalid_request", "schema_mismatch", "bad_priority", "rate_limited"):  # fmt: skip
        assert f'"code": "{code}"' in text


def test_the_tour_ends_at_the_first_reply_that_is_not_as_predicted():
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"status": "fine"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-replay-protocol", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        done = run("tour.py", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()

    assert done.returncode == 1
    assert "NOT AS PREDICTED" in done.stdout


def test_insert_and_sample_learns_the_means(server_url: str):
    done = run("insert_and_sample.py", server_url)

    assert done.returncode == 0, done.stderr
    last = [line for line in done.stdout.splitlines() if line.startswith("step")][-1]
    numbers = re.search(r"guesses \[(.*?)\]", last)
    assert numbers is not None
    guesses = [float(number) for number in numbers[1].split()]
    for guess, mean in zip(guesses, [1.0, -2.0, 4.0, 8.0], strict=True):
        assert abs(guess - mean) < 0.1


@pytest.mark.slow
def test_bits_are_flipped_to_their_goal_with_hindsight(server_url: str):
    done = run("hindsight.py", server_url, "--bits", "8", "--episodes", "600")

    assert done.returncode == 0, done.stderr
    reached = {
        name: int(part) for name, part in re.findall(r"(\w+) +reaches .*?(\d+)%", done.stdout)
    }
    assert reached["future"] >= 80
    assert reached["none"] <= 30


def test_stable_baselines3_trains_with_both_buffers(server_url: str):
    done = run("sb3_dqn.py", server_url, "--steps", "1600")

    assert done.returncode == 0, done.stderr
    assert "speed of remote / own" in done.stdout


@contextmanager
def served_policy(path: Path) -> Iterator[httpx.Client]:
    """Run `serve_policy.py` on a free port, with torch and our packages out of its reach."""
    barred = "import sys; sys.modules.update(dict.fromkeys(('torch', 'agent_client'), None));"
    start = (
        f"{barred} import runpy; sys.argv = ['serve_policy', {str(path)!r}, '--port', '0'];"
        f"runpy.run_path({str(EXAMPLES / 'serve_policy.py')!r}, run_name='__main__')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", start], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"running on (http://\S+)", line):
                with httpx.Client(base_url=found[1], trust_env=False) as client:
                    yield client
                return
        raise AssertionError("it never served")
    finally:
        process.terminate()
        process.stderr.read()
        process.wait()
        process.stderr.close()


def test_an_exported_policy_is_served_without_torch(tmp_path: Path):
    folder = saved_run(tmp_path / "run", "CartPole-v1")
    policy = tmp_path / "policy.onnx"
    assert agent_client(["export", str(folder.path), "--format", "onnx", str(policy)]) == 0
    saved = load_policy(run_config_from(folder.read_config()), folder, 0)
    observations = visited_observations(saved.environment, saved.policy, 20, seed=3)
    batch = [observation.tolist() for observation in observations]

    with served_policy(policy) as client:
        about = client.get("/").json()
        done = client.post("/action", json={"observation": batch})
        refused = [
            client.post("/action", json=body).status_code
            for body in (
                {"observation": [[1.0, 2.0]]},
                {"camera": batch},
                {"observation": [["a", "b", "c", "d"]]},
                {},
            )
        ]

    assert about["environment"] == "CartPole-v1"
    assert about["inputs"] == {"observation": {"dtype": "float32", "shape": [4]}}
    assert done.json() == {"action": [saved.policy.action(one) for one in observations]}
    assert refused == [422, 422, 422, 422]


SCORE = re.compile(r"^(.+): ([\d.]+) of 200 over 100 episodes$", re.MULTILINE)


def test_three_tasks_are_learned_from_at_once(server_url: str):
    done = run("three_tasks.py", server_url, "--steps", "520")

    assert done.returncode == 0, done.stderr
    assert [task for task, _ in SCORE.findall(done.stdout)] == ["as it is", "swapped", "long pole"]
    shares = [int(share) for share in re.findall(r"(\d+)%", done.stdout)]
    assert len(shares) == 3
    assert abs(sum(shares) - 100) <= 2


@pytest.mark.slow
def test_one_network_solves_three_tasks(server_url: str):
    done = run("three_tasks.py", server_url, timeout_s=1200.0)

    assert done.returncode == 0, done.stderr
    assert min(float(score) for _, score in SCORE.findall(done.stdout)) >= 190.0


@pytest.mark.slow
def test_the_experiments_tell_and_draw(tmp_path: Path):
    for name, picture in (("freshness", "freshness"), ("adaptive_tasks", "adaptive_tasks")):
        out = tmp_path / name
        command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--out", str(out)]
        done = subprocess.run(
            [*command, "--seeds", "0", "1", "--steps", "2048"],
            capture_output=True, text=True, timeout=600.0, check=False,
        )  # fmt: skip

        assert done.returncode == 0, done.stderr
        assert done.stdout.count("±") >= 10
        assert (out / f"{picture}.png").stat().st_size > 10_000

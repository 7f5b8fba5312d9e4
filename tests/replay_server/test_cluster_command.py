"""What `replay-server cluster` refuses, and what it says then."""

import sys
from pathlib import Path

import pytest

from replay_server.__main__ import main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["cluster", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_without_ray_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("replay_server.logs.configure_logging", lambda *_: None)
    monkeypatch.setitem(sys.modules, "ray", None)

    assert run("--shards", "2") == 1
    assert "pip install 'replay-server[cluster]'" in capsys.readouterr().err


def test_durability_without_a_data_directory_is_bad_usage(capsys: pytest.CaptureFixture[str]):
    assert run("--durability", "power") == 2
    assert "--data-dir" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--tokens", "--token-file"])
def test_tokens_and_the_gateways_token_go_together(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "file"
    file.write_text("x")

    assert run(option, str(file)) == 2
    assert "go together" in capsys.readouterr().err


def test_a_certificate_and_its_key_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "file"
    file.write_text("x")

    assert run("--tls-cert", str(file)) == 2
    assert "--tls-cert and --tls-key go together" in capsys.readouterr().err


def test_authorities_that_are_no_file_are_bad_usage(capsys: pytest.CaptureFixture[str]):
    assert run("--tls-ca", "nowhere.pem") == 2
    assert "--tls-ca nowhere.pem is no file" in capsys.readouterr().err

"""Commands as documents show them, looked up: is there such a command, option, file, target?

For blocks that no test runs. What is found wrong is told in a sentence each.
"""

import json
import re
import tomllib
from collections.abc import Container, Iterator
from functools import cache

import click
import yaml

from agent_client.command_line.program import cli as agent_client
from replay_server.__main__ import _cli as replay_server
from replay_wire import endpoints
from replay_wire.endpoints import Endpoint
from tests.documents.blocks import ROOT

_GROUPS: dict[str, click.Command] = {"agent-client": agent_client, "replay-server": replay_server}
_END = r"(?=\s+#|\s{4}|[|;&)>]|$)"
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def mistakes(code: str, saved: Container[str] = ()) -> Iterator[str]:
    """Return what is wrong with the commands in some lines of shell.

    Args:
        code: the lines.
        saved: files that the page has told its reader to save.
    """
    whole = re.sub(r"\\\n\s*", " ", code)
    for line in whole.splitlines():
        yield from _of_our_commands(line)
        yield from _of_programs(line, saved)
        yield from _of_targets(line)
        yield from _of_extras(line)
        yield from _of_compose(line)
        yield from _of_paths(line)


def _of_our_commands(line: str) -> Iterator[str]:
    # An image and a service bear the names of commands: `docker run replay-server serve` runs one.
    line = re.sub(r"--entrypoint replay-server tokens", "replay-server", line)
    for name, rest in re.findall(rf"(?<![\w/-])(agent-client|replay-server)\s+(.*?){_END}", line):
        words = rest.replace("[", " ").replace("]", " ").split()
        if not words or not re.fullmatch(r"[a-z]+", words[0]) or words[0] == "ready":
            continue
        group = _GROUPS[name]
        assert isinstance(group, click.Group)
        command = group.commands.get(words[0])
        if command is None:
            yield f"{name} has no command {words[0]}"
            continue
        known = {option for parameter in command.params for option in parameter.opts}
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", " ".join(words[1:])):
            if option not in known | {"--help"}:
                yield f"{name} {words[0]} has no {option}"


def _of_programs(line: str, saved: Container[str]) -> Iterator[str]:
    """Look up `python -m MODULE` and `python FILE`, and their options by how they are written."""
    pattern = rf"(?<![\w/-])python3? (-m )?([\w./]+)(.*?){_END}"
    for is_module, name, rest in re.findall(pattern, line):
        base = ROOT / name.replace(".", "/") if is_module else ROOT / name
        ours = name.split(".")[0] in ("benchmarks", "tests") or name.endswith(".py")
        if not ours or name.startswith("/") or name in saved:
            continue
        files = [base] if base.suffix == ".py" else [base.with_suffix(".py"), base / "__main__.py"]
        file = next((file for file in files if file.exists()), None)
        if file is None:
            yield f"there is no {name} to run"
            continue
        texts = "".join(other.read_text() for other in file.parent.glob("*.py"))
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", rest):
            if f'"{option}"' not in texts:
                yield f"{name} has no {option}"


def _of_targets(line: str) -> Iterator[str]:
    targets = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", line):
        if target not in targets:
            yield f"make has no target {target}"


def _of_extras(line: str) -> Iterator[str]:
    for listed in re.findall(r"pip install .*?(?:\.|replay-server|\.whl)\[([\w,-]+)\]", line):
        for extra in listed.split(","):
            if extra not in _PROJECT["optional-dependencies"]:
                yield f"there is no extra {extra}"


def _of_compose(line: str) -> Iterator[str]:
    if not re.search(r"\bdocker(-| )(compose|build)\b", line):
        return
    for file in re.findall(r" -f (\S+)", line):
        if file != "..." and not (ROOT / file).exists():
            yield f"there is no {file}"
    services = _services()
    profiles = {name for service in services.values() for name in service.get("profiles", [])}
    for profile in re.findall(r"--profile (\S+)", line):
        if profile not in profiles:
            yield f"no service has the profile {profile}"
    for service in re.findall(r"--scale (\w+)=", line):
        if service not in services:
            yield f"there is no service {service}"
    up = re.search(rf"\bup\b(.*?){_END}", line)
    for word in re.sub(r"--scale \S+|--\S+|-d\b", " ", up[1]).split() if up else []:
        if word not in services:
            yield f"there is no service {word}"


@cache
def _services() -> dict[str, dict[str, list[str]]]:
    files = [ROOT / "docker-compose.yml", *sorted((ROOT / "docker").glob("compose.*.yml"))]
    found: dict[str, dict[str, list[str]]] = {}
    for file in files:
        for name, service in yaml.safe_load(file.read_text())["services"].items():
            found[name] = {**service, **found.get(name, {})}
    return found


def _of_paths(line: str) -> Iterator[str]:
    """Look up the paths that `curl` asks a server for."""
    if not re.search(r"\bcurl\b", line):
        return
    known = [value.path for value in vars(endpoints).values() if isinstance(value, Endpoint)]
    templates = [re.sub(r"\\\{\w+\\\}", "[^/?]+", re.escape(path)) for path in known]
    for path in re.findall(r":8000(/[^\s?'\"]*)", line):
        if not any(re.fullmatch(template, path) for template in [*templates, "/", "/openapi.json"]):
            yield f"there is no {path}"


def parse(kind: str, code: str) -> None:
    """Read a block of data.

    Raises:
        ValueError: it can't be read.
    """
    if kind == "json":
        json.loads(code)
    elif kind == "toml":
        tomllib.loads(code)
    elif kind == "yaml":
        try:
            yaml.safe_load(code)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error

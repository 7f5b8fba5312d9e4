"""An algorithm's hyper-parameters from texts and TOML: names and types checked, ranges not yet.

What there are is told by the algorithm's configuration; its ranges are checked when one is made.
"""

import dataclasses
import difflib
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from agent_client.algorithms import CONFIGS
from agent_client.run_errors import SettingsError


def parse_assignments(algorithm: str, assignments: Sequence[str]) -> dict[str, Any]:
    """Return hyper-parameters from texts such as ``learning_rate=1e-3``; the last one wins.

    Raises:
        SettingsError: no ``=``, no such hyper-parameter, or a value of the wrong type.
    """
    parsed = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SettingsError(f"{assignment!r} is not of the form NAME=VALUE")
        parsed[name.strip()] = _parse(algorithm, name.strip(), text.strip())
    return parsed


def check_hyperparameters(algorithm: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyper-parameters from an algorithm's section of a TOML file, types checked.

    Raises:
        SettingsError: no such hyper-parameter, or a value of the wrong type.
    """
    return {name: _check(algorithm, name, value) for name, value in table.items()}


def _type_of(algorithm: str, name: str) -> Any:
    types = typing.get_type_hints(CONFIGS[algorithm])
    names = [known.name for known in dataclasses.fields(CONFIGS[algorithm])]
    if name in names:
        return types[name]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    raise SettingsError(f"{algorithm} has no hyper-parameter {name!r}; {hint}")


def _parse(algorithm: str, name: str, text: str) -> Any:
    kind = _type_of(algorithm, name)
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind in (int, float):
            return kind(text)
        return tuple(int(part) for part in text.split(",") if part)
    except (ValueError, KeyError) as error:
        raise _wrong_type(name, kind, text) from error


def _check(algorithm: str, name: str, value: object) -> Any:
    kind = _type_of(algorithm, name)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (bool, int) and type(value) is kind:
        return value
    is_list = isinstance(value, list) and all(type(part) is int for part in value)
    if isinstance(value, list) and is_list and typing.get_origin(kind) is tuple:
        return tuple(value)
    raise _wrong_type(name, kind, value)


def _wrong_type(name: str, kind: Any, value: object) -> SettingsError:
    expected = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
    }.get(kind, "whole numbers, such as 128,128")
    return SettingsError(f"hyper-parameter {name!r} must be {expected}, not {value!r}")


def describe_hyperparameters(algorithm: str) -> str:
    """Return a text with one line per hyper-parameter: name, generic default, meaning."""
    settings = dataclasses.fields(CONFIGS[algorithm])
    width = max(len(setting.name) for setting in settings)
    return "\n".join(
        f"{setting.name:{width}}  {setting.default!s:>10}  {setting.metadata['help']}"
        for setting in settings
    )

"""The bugs that fuzzing has to find still fit the code."""

from pathlib import Path

import pytest

from tests.fuzz.planted import ROOT, Planted, planted


@pytest.mark.parametrize("bug", planted(), ids=lambda bug: bug.name)
def test_a_bug_can_be_planted(bug: Planted, tmp_path: Path):
    copy = tmp_path / bug.file
    copy.parent.mkdir(parents=True)
    copy.write_text((ROOT / bug.file).read_text(encoding="utf-8"), encoding="utf-8")

    bug.plant(tmp_path)

    assert bug.new in copy.read_text(encoding="utf-8")
    compile(copy.read_text(encoding="utf-8"), bug.file, "exec")

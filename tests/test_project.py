"""The files around the package agree with each other."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(p.name): next(iter(p.specifier)).version for p in pinned}


def test_environment_gives_conda_users_the_same_requirements():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    options = [line for line in pip if line.startswith("--")]
    assert options == ["--constraint constraints.txt", "--editable .[dev]"]
    listed = [line for line in pip if not line.startswith("--")]
    assert sorted(listed) == sorted(PROJECT["dependencies"])


EXTRAS = PROJECT["optional-dependencies"].values()


@pytest.mark.parametrize(
    "line", sorted({*PROJECT["dependencies"], *(x for e in EXTRAS for x in e)})
)
def test_every_requirement_is_pinned_within_its_range(line):
    requirement = Requirement(line)
    pinned = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pinned)


def test_the_versions_chosen_by_hand_are_the_locked_ones():
    for line in (ROOT / "constraints.in").read_text().splitlines():
        if line and not line.startswith("#"):
            wanted = Requirement(line)
            assert wanted.specifier.contains(pins()[canonicalize_name(wanted.name)])


def test_notebooks_are_committed_without_outputs_and_with_one_parameters_cell():
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert [path.stem for path in notebooks] == ["anchors", "cell", "divergence"]
    for path in notebooks:
        cells = json.loads(path.read_text())["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
        tagged = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
        assert len(tagged) == 1, path


@pytest.mark.parametrize("room", ["divergence", "anchors", "specs", "records", "items"])
def test_numeric_rooms_import_without_torch(room):
    code = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers"):
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Block())
import illusion_lib.{room}
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.slow
def test_the_readme_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    small = code.replace("owner/model", "tiny-random").replace("limit=40", "limit=3")
    exec(small, {})
    assert "retention" in capsys.readouterr().out

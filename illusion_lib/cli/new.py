"""`illusion new`: write a study file with a comment for every field, ready to run."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from illusion_lib.cli.console import out_console
from illusion_lib.errors import SpecError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TEMPLATE = "data/templates/study.yml"


def new(
    name: Annotated[str, typer.Argument(help="Name of the study; the file is NAME.yml.")],
) -> None:
    """Write a study file with a comment for every field, ready to run."""
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"study name {name!r} must be lower-case letters, digits, '-' and '_', as in my-study"
        )
    target = Path(f"{name}.yml")
    text = (files("illusion_lib") / _TEMPLATE).read_text(encoding="utf-8").replace("{name}", name)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise SpecError(f"{target} is there already; give another name or remove it") from error
    except OSError as error:
        raise SpecError(f"cannot write {target}: {error.strerror}") from error
    out_console.print(
        f"{target} is written. Next:\n"
        f"  illusion sweep {target} --dry-run\n"
        f"  illusion sweep {target}\n"
        f"  illusion report runs/{name}",
        markup=False,
        highlight=False,
    )

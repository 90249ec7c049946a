"""The command `illusion`: one file of this package for each of its verbs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from illusion_lib import __version__
from illusion_lib.cli.anchors import anchors
from illusion_lib.cli.compare import compare
from illusion_lib.cli.console import err_console, out_console
from illusion_lib.cli.models import models
from illusion_lib.cli.new import new
from illusion_lib.cli.probe import probe
from illusion_lib.cli.prune import prune
from illusion_lib.cli.report import report
from illusion_lib.cli.status import status
from illusion_lib.cli.sweep import sweep
from illusion_lib.errors import IllusionError

_INTERRUPTED = 130

app = typer.Typer(
    help="Find out what a compressed language model can still do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (models, new, sweep, status, report, prune, probe, compare):
    app.command()(command)
app.add_typer(anchors, name="anchors")


def main() -> None:
    """Run the command line; a refusal is one line on stderr and status 2."""
    try:
        app()
    except IllusionError as error:
        err_console.print(f"error: {error}", markup=False, highlight=False)
        sys.exit(2)
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # typer has turned Ctrl-C into this status
            err_console.print(
                "stopped: what is finished is kept; the same command goes on from there"
            )
        raise


def _version(wanted: bool) -> None:
    if wanted:
        out_console.print(f"illusion {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass

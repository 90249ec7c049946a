"""`illusion models`: what can be looked at without a hub."""

from __future__ import annotations

from rich.table import Table

from illusion_lib.cli.console import out_console
from illusion_lib.specs import ModelSpec


def models() -> None:
    """List the models that need no hub, and whether they are ready."""
    from illusion_lib.checkpoints import EMBEDDED, TINY, is_at_hand

    table = Table("model", "package", "ready", "note")
    for name, model in EMBEDDED.items():
        ready = "yes" if is_at_hand(ModelSpec(name)) else "fetched on first use"
        table.add_row(name, f"{model.package} {model.version}", ready, model.note)
    table.add_row(TINY, "-", "yes", "A random model for tests.")
    out_console.print(table)
    out_console.print("Any hub id (owner/name), local folder or .gguf file works as well.")

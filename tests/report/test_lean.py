"""Notebooks are read without the grammar that takes seconds, and nothing else goes missing."""

import subprocess
import sys

import pytest


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_notebooks_are_read_without_the_grammar() -> None:
    loaded = modules_after("import illusion_lib.report.lean, nbformat")
    assert "jsonschema" in loaded
    assert "rfc3987_syntax" not in loaded


def test_book_begins_with_it() -> None:
    assert "rfc3987_syntax" not in modules_after("import illusion_lib.report.book")


def test_grammar_can_still_be_imported() -> None:
    pytest.importorskip("rfc3987_syntax")
    assert "rfc3987_syntax" in modules_after("import illusion_lib.report.lean, rfc3987_syntax")

"""Import the notebook format without the seconds that a check of web addresses costs.

Whatever reads notebooks imports jsonschema, which imports ``rfc3987_syntax`` if it is there: a
grammar that takes longer to build than most pages take to execute, for a check that notebooks do
not use. Jsonschema does without it where it is absent, so it is absent while jsonschema loads.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, cast

_GRAMMAR = "rfc3987_syntax"


def without(module: str, wanted: str) -> None:
    """Import `wanted` as if `module` were not installed; leave what is loaded already alone."""
    if module in sys.modules or wanted in sys.modules:
        return
    sys.modules[module] = cast(Any, None)  # makes an import of it fail, as if it were absent
    try:
        import_module(wanted)
    finally:
        del sys.modules[module]


without(_GRAMMAR, "jsonschema")

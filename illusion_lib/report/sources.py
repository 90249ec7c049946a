"""Where the book's sources lie: in the checkout this runs from, or beside the installed package."""

from __future__ import annotations

from importlib import metadata, util
from pathlib import Path

from illusion_lib.errors import ReportError

_MARK = "_toc.yml"
_SHARED = Path("share/illusion-lib")


def book_sources() -> Path:
    """Return the folder that holds ``_config.yml``, ``_toc.yml``, ``book/`` and ``notebooks/``.

    Raises
    ------
    ReportError
        The installation lacks them.
    """
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / _MARK).is_file() and (checkout / "notebooks").is_dir():
        return checkout
    for file in metadata.files("illusion-lib") or ():
        if file.name == _MARK and _SHARED.name in file.parts:
            return Path(str(file.locate())).resolve().parent
    raise ReportError(
        "the book's sources (_toc.yml, book/, notebooks/) are not part of this installation; "
        "install illusion-lib from its repository or a wheel built from it"
    )


def mathjax() -> Path:
    """Return the folder of MathJax 3 inside the package sphinx-mathjax-offline.

    Raises
    ------
    ReportError
        The package is not installed.
    """
    # The package's folder has hyphens in its name: it can be found, but not imported by statement.
    found = util.find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        raise ReportError("formulas need a package: pip install sphinx-mathjax-offline")
    return Path(found.origin).parent / "static" / "mathjax"

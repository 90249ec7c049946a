"""The developer page shows every file of the package, as it stands."""

from pathlib import Path

import illusion_lib
from illusion_lib.report.house import house, questions

PACKAGE = Path(illusion_lib.__file__).parent


def test_every_file_is_shown_with_its_question():
    shown = house().content
    files = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")]
    assert len(files) > 200
    assert [name for name in files if f"<code>{name}</code>" not in shown] == []


def test_a_question_is_the_first_line_of_the_file():
    found = questions(PACKAGE / "report")
    assert found["report/offline.py"] == (
        "Whether a built site would load anything from another host"
    )
    assert all(found.values())

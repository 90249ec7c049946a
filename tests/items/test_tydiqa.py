"""TyDiQA-GoldP gives every language its own items, from a folder or from the hub."""

from __future__ import annotations

import pytest

from illusion_lib.errors import ItemError
from illusion_lib.items import load_items

PARQUET = "secondary_task/validation-00000-of-00001.parquet"
NAMES = {"en": "english", "fi": "finnish", "sw": "swahili"}


def contents(make):
    return {code: make.squad(code, f"{name}-") for code, name in NAMES.items()}


def load(folder, languages=(), **rest):
    path = None if folder is None else str(folder)
    return load_items("tydiqa", languages, [], path=path, **rest)


@pytest.fixture
def folder(make, tmp_path):
    for code, content in contents(make).items():
        make.json(tmp_path / f"tydiqa-goldp-dev-{NAMES[code]}.json", content)
    return tmp_path


def test_languages_have_their_own_facts(folder):
    items = load(folder)
    assert {item.language for item in items} == set(NAMES)
    assert len({item.parallel_id for item in items}) == len(items) == 3 * 16
    for item in items:
        assert item.parallel_id.startswith(NAMES[item.language])
        assert item.id == f"tydiqa/{item.parallel_id}/{item.language}"
        assert len(item.distractors) == 3
        assert f"[{item.language}]" in item.question
    assert "Apache-2.0" in items[0].source


def test_a_language_does_not_depend_on_the_others(folder, make, tmp_path):
    make.json(tmp_path / "one" / "tydiqa-goldp-dev-finnish.json", contents(make)["fi"])
    alone = load(tmp_path / "one", ["fi"])
    assert [(item.id, item.distractors) for item in alone] == [
        (item.id, item.distractors) for item in load(folder, ["en", "fi"])[16:]
    ]


def test_one_file_for_all_and_the_hub_give_the_same(make, hub, folder):
    parts = list(contents(make).values())
    make.parquet(hub.folder / PARQUET, parts, titled=True)
    fetched = load(None, ["sw", "en"], limit=10)
    local = load(folder, ["sw", "en"], limit=10)
    clone = load(hub.folder, ["sw", "en"], limit=10)
    ids = [(item.id, item.question, item.distractors) for item in local]
    assert [(item.id, item.question, item.distractors) for item in fetched] == ids
    assert [(item.id, item.question, item.distractors) for item in clone] == ids
    assert fetched[0].source.startswith("TyDiQA-GoldP (google-research-datasets/tydiqa@c0ffee")
    assert len(hub.asked) == 1


def test_a_limit_beyond_a_language_is_refused_with_the_number(folder):
    with pytest.raises(ItemError, match="limit 200 asks for more than the 16 tydiqa items"):
        load(folder, ["fi"], limit=200)


@pytest.mark.parametrize("code", ["de", "bn"])
def test_a_language_that_is_not_there_is_refused(folder, code):
    with pytest.raises(ItemError, match=f"no language '{code}'; it has: en, fi, sw"):
        load(folder, ["en", code])


def test_a_file_without_the_language_is_refused(make, tmp_path):
    make.json(tmp_path / "tydiqa-goldp-dev-finnish.json", contents(make)["en"])
    with pytest.raises(ItemError, match="holds no question in finnish"):
        load(tmp_path, ["fi"])


def test_no_network_is_one_clear_line(hub):
    with pytest.raises(ItemError, match=r"cannot get TyDiQA-GoldP .* give the path of a folder"):
        load(None, ["en"])

"""A finished study in seconds: real stores and keys around synthetic records with hostile texts."""

import json

import numpy as np
import pytest

from illusion_lib.records import Record, to_table
from illusion_lib.runs import Manifest, Store, load_study, plan_cell
from illusion_lib.runs.studies import study_content
from illusion_lib.specs import CalibrationSpec, ModelSpec, ProbeSpec, PruneSpec, StudySpec, TaskSpec

HOSTILE = "<img src=x onerror=alert(1)> $\\frac{1}{2}$ {{ 7*7 }} `{eval-rst}` **b** & <b>"
_TOWNS = ["Jakarta", "Lima", "Oslo", "Accra", "Quito", "Dakar", "Hanoi", "Sofia", "Tunis", "Minsk"]
_ASK = {"en": "What is the capital of land {}?", "es": "¿Cuál es la capital del país {}?"}


def write_items(path, facts=12):
    """Write parallel items in two languages; the last fact is hostile."""
    rows = []
    for language, ask in _ASK.items():
        for i in range(facts):
            town = f"{_TOWNS[i % len(_TOWNS)]}{i}"
            odd = i == facts - 1
            rows.append(
                {
                    "id": f"capital/{i:02d}/{language}",
                    "parallel_id": f"capital/{i:02d}",
                    "language": language,
                    "relation": "capital",
                    "question": HOSTILE + language if odd else ask.format(i),
                    "answer": town,
                    "aliases": [],
                    "distractors": [f"Wrong{i}a", f"Wrong{i}b", f"Wrong{i}c"],
                    "source": "synthetic",
                }
            )
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")


def make_study(items_file, facts=12):
    prunings = [PruneSpec("magnitude", 0.3), PruneSpec("magnitude", 0.5)]
    prunings += [PruneSpec("wanda", s, statistics="one_pass") for s in (0.3, 0.5)]
    return StudySpec(
        name="synthetic",
        title="Synthetic records for tests",
        models=(ModelSpec("tiny-random"),),
        prunings=(*prunings, PruneSpec("wanda", pattern="2:4")),
        calibrations=(CalibrationSpec(samples=2, length=16),),
        tasks=(TaskSpec(str(items_file), limit=facts),),
        probe=ProbeSpec(max_new_tokens=8, beams=4, samples=4, demonstrations=2),
    )


def synthetic_records(cell, items, seed=0):
    """Return records in which production falls with sparsity long before recognition does."""
    rng = np.random.default_rng(seed)
    ease = {}  # one draw a fact and format, the same in every cell: variants are paired
    for item in items:
        ease.setdefault(item.parallel_id, rng.random(3))
    loss = {"dense": 0.0, "magnitude": 1.2, "wanda": 1.0}[cell.prune.method] * cell.prune.sparsity
    rows = []
    for item in items:
        u, v, w = ease[item.parallel_id]
        open_right, choice_right = bool(u > 0.25 + 1.2 * loss), bool(v > 0.1 + 0.4 * loss)
        rows += _ladder(item, open_right, choice_right, loss)
        if not open_right:
            found = choice_right and w > loss / 2
            rows += [
                row
                for probe in ("beam", "sample", "one_shot")
                for row in _recovery(item, probe, bool(found and (probe != "one_shot" or w > 0.5)))
            ]
    return rows


def _base(item, probe, **more):
    return Record(
        item_id=item.id,
        parallel_id=item.parallel_id,
        language=item.language,
        relation=item.relation,
        question=item.question,
        gold=item.answer,
        probe=probe,
        prompt_hash="0" * 16,
        prompt_tokens=9,
        output_tokens=4,
        seconds=0.01,
        **more,
    )


def _ladder(item, open_right, choice_right, loss):
    options = (item.answer, *item.distractors)
    said = (
        item.answer if open_right else (HOSTILE if item.id.startswith("capital/11") else "Nowhere")
    )
    scores = tuple(-2.0 - 1.5 * (i != (0 if choice_right else 1)) for i in range(len(options)))
    picked = options[int(np.argmax(scores))]
    rank = 1 if open_right else (3 if choice_right else 40) + int(10 * loss)
    lengths = [len(option) for option in options]
    yield _base(item, "open", correct=open_right, output=said, output_class="ok")
    yield _base(
        item,
        "candidates",
        correct=open_right or choice_right,
        output=picked,
        options=options,
        gold_index=0,
        output_class="ok",
    )
    yield _base(
        item,
        "choice",
        correct=choice_right,
        output=picked,
        options=options,
        gold_index=0,
        log_prob_sum=scores,
        log_prob_token=tuple(s / 2 for s in scores),
        log_prob_character=tuple(s / n for s, n in zip(scores, lengths, strict=True)),
        log_prob_byte=tuple(s / n for s, n in zip(scores, lengths, strict=True)),
        log_prob_pmi=scores,
    )
    yield _base(
        item, "rank", slot=2, target_rank=rank, target_ranks=(rank, 1), target_log_prob=-1.0 * rank
    )
    yield _base(
        item,
        "rank",
        target="distractor",
        slot=2,
        target_rank=rank + 5,
        target_ranks=(rank + 5, 2),
        target_log_prob=-2.0 * rank,
    )


def _recovery(item, probe, found):
    tries = 4 if probe != "one_shot" else 2
    outputs = (item.answer if found else "Nowhere", *["Nowhere"] * (tries - 1))
    for target, hit in (("gold", found), ("distractor", False)):
        yield _base(
            item,
            probe,
            target=target,
            correct=hit,
            output=outputs[0],
            outputs=outputs,
            successes=int(hit),
            tries=tries,
            output_class="ok",
        )


def fill_store(folder, facts=12):
    """Write a finished synthetic study and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_items(folder / "items.jsonl", facts)
    study, store = make_study(folder / "items.jsonl", facts), Store(folder)
    for cell in study.cells():
        plan = plan_cell(cell)
        manifest = Manifest(
            key=plan.key,
            spec=plan.spec.canonical(),
            created="2026-01-02T03:04:05+00:00",
            versions={"python": "3.11", "illusion_lib": "0.1.0", "torch": "2.13.0"},
            device="cpu",
            dtype="float32",
            threads=1,
            checkpoint=plan.checkpoint,
            checkpoint_note="random weights: evidence for nothing",
            weights_before="a",
            weights_after="b",
            pruning={"sparsity": plan.spec.prune.sparsity, "layers": []},
            calibration_sha256=None,
            items={"count": len(plan.items), "sha256": "c", "sources": ["synthetic"]},
            prompts={"style": "plain", "sha256": "d"},
            scoring_path="packed",
            seconds={"load": 0.1, "probe": 1.0},
        )
        store.put(plan.spec, to_table(synthetic_records(plan.spec, plan.items)), manifest)
    store.write_json("study.json", study_content(study))
    return folder


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory):
    return fill_store(tmp_path_factory.mktemp("study") / "synthetic")


@pytest.fixture(scope="session")
def study_result(study_folder):
    return load_study(study_folder)


@pytest.fixture(scope="session")
def records(study_result):
    return study_result.records


@pytest.fixture(scope="session")
def site(study_folder):
    """Build the whole book once; minutes, so only slow tests ask for it."""
    from illusion_lib.report.book import build_report

    return build_report(study_folder).parent

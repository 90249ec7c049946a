"""The whole ladder on a tiny model: complete, reproducible, and the same whatever the batch."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
import torch

from illusion_lib.errors import ItemError
from illusion_lib.models import Model
from illusion_lib.probes import probe, run_ladder, session
from illusion_lib.probes.engine import Engine
from illusion_lib.probes.prompts import Prompts
from illusion_lib.records import RECOVERY, SCHEMA
from illusion_lib.specs import ModelSpec, ProbeSpec

SPEC = ProbeSpec(max_new_tokens=8, beams=3, samples=4, demonstrations=2)


@pytest.fixture(scope="module")
def records(model, items):
    return run_ladder(model, items, SPEC)


def gold(records, probe):
    """The records of a probe that look for the right answer."""
    return [r for r in records if (r.probe, r.target) == (probe, "gold")]


def comparable(records):
    """The records without their time, log-probs to 5 digits."""
    rows = []
    for record in records:
        row = dataclasses.asdict(record)
        del row["seconds"]
        for name, value in row.items():
            if isinstance(value, float):
                row[name] = round(value, 4)
            elif isinstance(value, tuple) and value and isinstance(value[0], float):
                row[name] = tuple(round(v, 4) for v in value)
        rows.append(row)
    return rows


def close(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(comparable(ours), comparable(theirs), strict=True):
        for name in a:
            if isinstance(a[name], float) or (
                isinstance(a[name], tuple) and a[name] and isinstance(a[name][0], float)
            ):
                assert a[name] == pytest.approx(b[name], abs=2e-4), name
            else:
                assert a[name] == b[name], name


def test_every_item_has_every_row(records, items):
    rows = Counter((r.item_id, r.probe, r.target) for r in records)
    assert set(rows.values()) == {1}
    said = {r.item_id for r in gold(records, "open") if r.correct}
    wrong = {item.id for item in items} - said
    assert wrong  # a random model
    for item in items:
        for target in ("gold", "distractor"):
            for name in ("open", "candidates", "choice", "rank"):
                assert rows[item.id, name, target] == 1
            for name in ("beam", "sample", "one_shot"):
                assert rows[item.id, name, target] == (item.id in wrong)


def test_counts_are_consistent(records):
    for record in records:
        if record.probe in ("beam", "sample", "one_shot"):
            assert record.tries == len(record.outputs)
            assert record.correct == (record.successes > 0)
            assert record.output == record.outputs[0]
        if record.probe == "sample":
            assert record.tries == SPEC.samples
        if record.probe == "one_shot":
            assert record.tries == SPEC.demonstrations
        if record.probe == "rank":
            assert record.target_rank == record.target_ranks[0]
        assert record.seconds > 0


def test_option_scores_are_the_naive_ones(records, model, items):
    prompts = Prompts.of(model, SPEC)
    by_item = {r.item_id: r for r in gold(records, "choice")}
    for item in items[:4]:
        record = by_item[item.id]
        assert record.options[record.gold_index] == item.answer
        for option, score in zip(record.options, record.log_prob_sum, strict=True):
            start = len(model.tokenizer(prompts.open(item), add_special_tokens=False).input_ids)
            text = f"{prompts.open(item)} {option}"
            ids = model.tokenizer(text, add_special_tokens=False).input_ids
            with torch.inference_mode():
                logits = model.net(input_ids=torch.tensor([ids])).logits[0, :-1].double()
            steps = logits.log_softmax(-1)[range(len(ids) - 1), ids[1:]]
            assert score == pytest.approx(float(steps[start - 1 :].sum()), abs=1e-4)
        assert record.correct == (
            max(record.log_prob_sum) == record.log_prob_sum[record.gold_index]
        )


def test_a_pick_is_found_by_one_target_at_most(records, items):
    """The control finds the item's first distractor where the model picked that very option."""
    for item in items:
        right, wrong = (
            next(r for r in records if (r.item_id, r.probe, r.target) == (item.id, "choice", t))
            for t in ("gold", "distractor")
        )
        assert right.correct == (right.output == item.answer)
        assert wrong.correct == (right.output == item.distractors[0])
        assert wrong.log_prob_sum == right.log_prob_sum


def test_option_scoring_tells_the_targets_ranks_right_after_the_prompt(records, model, items):
    prompts, encode = Prompts.of(model, SPEC), model.tokenizer
    rows = [r for r in records if r.probe == "choice"][:8]
    for record in rows:
        item = next(i for i in items if i.id == record.item_id)
        form = item.answer if record.target == "gold" else item.distractors[0]
        start = len(encode(prompts.open(item), add_special_tokens=False).input_ids)
        ids = encode(f"{prompts.open(item)} {form}", add_special_tokens=False).input_ids
        with torch.inference_mode():
            logits = model.net(input_ids=torch.tensor([ids])).logits[0, start - 1 : -1]
        tail = torch.tensor(ids[start:])
        own = logits.gather(1, tail[:, None])
        assert record.slot == 0
        assert list(record.target_ranks) == (1 + (logits > own).sum(1)).tolist()
        assert record.target_rank == record.target_ranks[0]
        assert record.target_margin == pytest.approx(float(own[0] - logits[0].max()), abs=1e-4)
        assert record.target_log_prob == record.log_prob_sum[record.options.index(form)]


def test_the_rank_row_reads_the_model_at_its_slot(records, model, items):
    prompts = Prompts.of(model, SPEC)
    opened = {r.item_id: r for r in gold(records, "open")}
    for record in (r for r in records if r.probe == "rank"):
        item = next(i for i in items if i.id == record.item_id)
        assert record.slot <= opened[item.id].output_tokens
        if record.slot:
            continue  # at the prompt's end the reading is easily repeated
        ids = model.tokenizer(prompts.open(item), add_special_tokens=False).input_ids
        with torch.inference_mode():
            logits = model.net(input_ids=torch.tensor([ids])).logits[0, -1]
        form = item.answer if record.target == "gold" else item.distractors[0]
        encode = model.tokenizer
        joint = [encode(prompts.open(item) + text).input_ids for text in (form, f" {form}")]
        firsts = [both[len(ids)] for both in joint]
        best = min(1 + int((logits > logits[token]).sum()) for token in firsts)
        assert record.target_rank == best


@pytest.mark.parametrize("slots", [1, 300])
def test_records_do_not_depend_on_the_batch(records, model, items, monkeypatch, slots):
    make = Engine.of

    def small(net, path=None):
        engine = make(net, path)
        engine.budget.slots = slots
        return engine

    monkeypatch.setattr(session.Engine, "of", small)
    close(run_ladder(model, items, SPEC), records)


def test_records_do_not_depend_on_the_order(records, model, items):
    turned = run_ladder(model, items[::-1], SPEC)
    by_item = {item.id: [r for r in turned if r.item_id == item.id] for item in items}
    close([r for item in items for r in by_item[item.id]], records)


@pytest.mark.parametrize("path", ["expanded", "recompute"])
def test_every_path_gives_the_same_records(records, model, items, monkeypatch, path):
    make = Engine.of
    monkeypatch.setattr(session.Engine, "of", lambda net: make(net, path))
    close(run_ladder(model, items, SPEC), records)


def test_progress_ends_with_every_probe_done(model, items):
    told = []
    run_ladder(model, items, SPEC, lambda *state: told.append(state))
    last = {what: (done, total) for done, total, what in told}
    assert set(last) == set(SPEC.probes)
    for what, (done, total) in last.items():
        assert done == total, what


def test_a_frame_has_the_documented_columns(model, items):
    frame = probe(model, items[:3], dataclasses.replace(SPEC, probes=("open", "choice")))
    assert list(frame.columns) == SCHEMA.names
    assert list(frame["probe"]) == ["open", "open", "choice", "choice"] * 3
    assert list(frame["target"]) == ["gold", "distractor"] * 6


def test_a_subset_of_probes_gives_the_same_rows(records, model, items):
    for name in ("candidates", "rank", "beam", "one_shot"):
        alone = run_ladder(model, items, dataclasses.replace(SPEC, probes=(name,)))
        close(alone, [r for r in records if r.probe == name])


def test_no_demonstration_means_no_try(model, items):
    spec = dataclasses.replace(SPEC, probes=("one_shot",))
    lonely = run_ladder(model, items[:1], spec)
    assert {(r.tries, r.correct) for r in lonely} == {(0, None)}


def test_a_long_question_is_cut_and_says_so(net_of, tokenizer, items):
    net = net_of("llama")
    net.config.max_position_embeddings = 60
    short = Model(ModelSpec("tiny"), net, tokenizer, "0" * 64)
    rows = run_ladder(short, items[:2], dataclasses.replace(SPEC, probes=("open", "choice")))
    assert all(r.truncated_prompt and r.prompt_tokens == 60 - 2 * 8 for r in rows)


def test_bad_input_is_refused(model, items):
    with pytest.raises(ItemError, match="no items"):
        run_ladder(model, [], SPEC)
    with pytest.raises(ItemError, match="same id"):
        run_ladder(model, [items[0], items[0]], SPEC)


def test_a_share_of_the_doubly_failed_is_searched_as_controls(records, model, items):
    few = run_ladder(model, items, dataclasses.replace(SPEC, controls=1e-9))
    picked = {r.item_id for r in gold(records, "choice") if r.correct}
    searched = {r.item_id for r in records if r.probe == "beam"}
    assert searched - picked  # with all controls there are some
    assert {r.item_id for r in few if r.probe == "beam"} == searched & picked
    kept = [r for r in records if r.probe not in RECOVERY or r.item_id in picked]
    close(few, kept)

"""The questions beyond the ladder: letters, ablations, curves and the shift, against references."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from illusion_lib.errors import SpecError
from illusion_lib.probes import Budget, dense_reference, run_ladder
from illusion_lib.probes.prompts import LETTERS, Prompts, option_orders
from illusion_lib.probes.shift import coarse_kl
from illusion_lib.records import CURVES, LADDER
from illusion_lib.specs import ProbeSpec

NAMES = ("letter", "choices_only", "gold_absent", "gold_only", "shuffled", *CURVES, "kl")
SPEC = ProbeSpec(
    probes=("open", "choice", "beam", "sample", *NAMES),
    max_new_tokens=6,
    beams=4,
    samples=5,
    orders=3,
    widths=(1, 2, 4),
    temperatures=(0.3, 1.0),
)


@pytest.fixture(scope="module")
def reference(model, items):
    return dense_reference(model, items, SPEC)


@pytest.fixture(scope="module")
def records(model, items, reference):
    found = run_ladder(model, items, SPEC, reference=reference)
    return {(r.item_id, r.probe, r.target): r for r in found}


def log_probs(model, text, tail):
    """Log-probs of the tokens of `tail` after `text`, by one plain forward in float64."""
    encode = model.tokenizer
    start = len(encode(text, add_special_tokens=False).input_ids)
    ids = encode(text + tail, add_special_tokens=False).input_ids
    with torch.inference_mode():
        logits = model.net(input_ids=torch.tensor([ids])).logits[0, :-1].double()
    return logits.log_softmax(-1)[range(start - 1, len(ids) - 1), ids[start:]]


def test_the_ladder_is_the_default():
    assert ProbeSpec().probes == LADDER
    assert not set(NAMES) & set(LADDER)


def test_letters_are_scored_after_lettered_options(records, model, items):
    prompts = Prompts.of(model, SPEC)
    for item in items[:3]:
        record = records[item.id, "letter", "gold"]
        orders = option_orders(item, SPEC.orders, SPEC.seed)
        picks = []
        for order in orders:
            text = prompts.lettered(item, order)
            assert all(f"{a}. {b}" in text for a, b in zip(LETTERS, order, strict=False))
            scores = [float(log_probs(model, text, f" {x}").sum()) for x in LETTERS[: len(order)]]
            picks.append(order[int(np.argmax(scores))])
            if order == orders[0]:
                assert record.log_prob_sum == pytest.approx(scores, abs=1e-4)
        assert record.outputs == tuple(picks)
        assert record.agreement == max(map(picks.count, picks)) / len(picks)
        assert record.correct == (picks[0] == item.answer)
        assert record.successes == picks.count(item.answer)


def test_every_option_takes_every_place_once(items):
    for item in items:
        orders = option_orders(item, 9, 0)
        assert len(orders) == 1 + len(item.distractors)
        for a, b in itertools.combinations(orders, 2):
            assert all(x != y for x, y in zip(a, b, strict=True))


def test_choices_only_asks_no_question(records, model, items):
    prompts = Prompts.of(model, SPEC)
    for item in items[:3]:
        record = records[item.id, "choices_only", "gold"]
        text = prompts.choices_only(item, record.options)
        assert item.question not in text
        for option, score in zip(record.options, record.log_prob_sum, strict=True):
            assert option in text
            assert score == pytest.approx(
                float(log_probs(model, text, f" {option}").sum()), abs=1e-4
            )


def test_ablations_show_what_their_names_say(model, items):
    prompts = Prompts.of(model, SPEC)
    item = items[0]
    absent = prompts.candidates(item, item.distractors)
    assert item.answer not in absent
    alone = prompts.candidates(item, (item.answer,))
    assert not any(text in alone for text in item.distractors)


def test_every_probe_but_the_shift_has_its_control(records, items):
    for item in items:
        for name in ("open", "choice", "letter", "choices_only"):
            assert all((item.id, name, target) in records for target in ("gold", "distractor"))
        assert (item.id, "kl", "distractor") not in records
        wrong = records[item.id, "letter", "distractor"]
        assert wrong.successes == wrong.outputs.count(item.distractors[0])
        assert wrong.correct == (wrong.outputs[0] == item.distractors[0])
        blind = records[item.id, "choices_only", "distractor"]
        assert blind.correct == (blind.output == item.distractors[0])


@pytest.mark.parametrize("name", ["gold_absent", "gold_only", "shuffled"])
def test_ablations_have_both_targets(records, items, name):
    for item in items:
        for target in ("gold", "distractor"):
            record = records[item.id, name, target]
            assert record.tries == (SPEC.orders if name == "shuffled" else 1)
            assert (record.agreement is not None) == (name == "shuffled")


@pytest.mark.parametrize("alone", [True, False], ids=["each alone", "in another order"])
def test_records_depend_neither_on_the_batch_nor_on_the_order(
    records, model, items, reference, alone
):
    asked, budget = (items, Budget(1)) if alone else (items[::-1], None)
    again = run_ladder(model, asked, SPEC, reference=reference, budget=budget)
    assert len(again) == len(records)
    for ours in again:
        theirs = records[ours.item_id, ours.probe, ours.target]
        for name, value in dataclasses.asdict(ours).items():
            other = getattr(theirs, name)
            if name != "seconds" and isinstance(value, float | tuple):
                assert value == (other if holds_text(value) else pytest.approx(other, abs=2e-4))
            elif name != "seconds":
                assert value == other, name


def holds_text(value):
    return isinstance(value, tuple) and any(isinstance(one, str) for one in value)


def test_curves_hold_the_single_budgets(records, items):
    """At the budget that `beam` and `sample` use, the curves found what these found."""
    searched = 0
    for item in items:
        for target in ("gold", "distractor"):
            for single, curve, at in (("beam", "beam_curve", 2), ("sample", "sample_curve", 1)):
                one = records.get((item.id, single, target))
                if one is None:
                    continue
                searched += 1
                many = records[item.id, curve, target]
                assert many.budget_successes[at] == one.successes
                assert many.budget_tries[at] == one.tries
    assert searched


def test_a_curve_needs_no_single_budget(model, items):
    first = items[0]
    spec = dataclasses.replace(SPEC, probes=("beam_curve", "open"), widths=(1, 8))
    (found,) = [r for r in run_ladder(model, [first], spec) if r.probe == "beam_curve"][:1]
    assert found.budgets == (1.0, 8.0)
    assert found.budget_tries == (1, 8)
    assert found.correct == any(found.budget_successes)


def test_a_model_has_not_moved_from_itself(records, items):
    assert all(
        records[item.id, "kl", "gold"].kl_dense == pytest.approx(0, abs=1e-6) for item in items
    )


def test_the_shift_is_the_divergence_on_the_whole_vocabulary(model, items, reference, net_of):
    """The tiny vocabulary is kept whole, so the bound is the divergence itself."""
    moved = dataclasses.replace(model, net=net_of("llama", seed=5))
    prompts = Prompts.of(model, SPEC)
    spec = dataclasses.replace(SPEC, probes=("kl",))
    for record in run_ladder(moved, items, spec, reference=reference)[:4]:
        item = next(i for i in items if i.id == record.item_id)
        ids = model.tokenizer(prompts.open(item), add_special_tokens=False, return_tensors="pt")
        with torch.inference_mode():
            p, q = (
                net(ids.input_ids).logits[0, -1].double().log_softmax(-1)
                for net in (model.net, moved.net)
            )
        assert record.kl_dense == pytest.approx(float((p.exp() * (p - q)).sum()), abs=1e-3)


def test_lumping_tokens_never_makes_the_divergence_greater():
    rng = np.random.default_rng(0)
    p, q = (torch.from_numpy(rng.normal(size=(50, 40)) * 2).log_softmax(-1) for _ in range(2))
    whole = (p.exp() * (p - q)).sum(-1)
    for kept in (1, 5, 39):
        best = p.topk(kept).indices
        assert (coarse_kl(p.gather(1, best), q.gather(1, best)) <= whole + 1e-6).all()


def test_the_shift_needs_something_to_compare_with(model, items):
    with pytest.raises(SpecError, match="dense_reference"):
        run_ladder(model, items, dataclasses.replace(SPEC, probes=("kl",)))

"""Write down, token by token, how the embedded model answers before and after pruning.

    python tools/token_paths.py

The page on tokens shows these numbers on every machine, also where the model is not at hand.
The questions are asked exactly as the study `quick` asks them, and only these three are kept: one
whose answer falls a little, one whose answer falls far, one that survives the pruning.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from illusion_lib.items import Item
from illusion_lib.models import Model, load_model, weight_fingerprint
from illusion_lib.probes import describe_prompts
from illusion_lib.probes.decode import greedy
from illusion_lib.probes.prompts import shuffled_options
from illusion_lib.probes.rank import find_slot, first_line
from illusion_lib.probes.session import Session
from illusion_lib.pruning import prune
from illusion_lib.runs import Store, cell_for, find_study
from illusion_lib.runs.plan import plan_cell
from illusion_lib.runs.shared import Shared
from illusion_lib.specs import ProbeSpec

TARGET = Path(__file__).parents[1] / "illusion_lib" / "data" / "examples" / "token_paths.json"
QUESTIONS = ("capital/RU/en", "capital/ID/en", "capital/PH/en")
STUDY, METHOD, SPARSITY = "quick", "wanda", 0.4
LIBRARIES = ("illusion-lib", "torch", "transformers", "tokenizers")
KEPT = 30  # likeliest tokens of each step
DIGITS = 5


def main() -> None:
    """Ask the dense and the pruned model; write one JSON file."""
    cell = cell_for(find_study(STUDY), method=METHOD, sparsity=SPARSITY)
    plan = plan_cell(cell)
    items = sorted(
        (i for i in plan.items if i.id in QUESTIONS), key=lambda i: QUESTIONS.index(i.id)
    )
    model = load_model(cell.model, "cpu")
    fingerprints = {"dense": weight_fingerprint(model.net)}
    paths = {"dense": [path_of(model, item, cell.probe) for item in items]}
    with tempfile.TemporaryDirectory() as folder:
        statistics = Shared(Store(folder)).statistics(model, cell.calibration)
    prune(model, cell.prune, statistics)
    fingerprints[cell.slug] = weight_fingerprint(model.net)
    paths[cell.slug] = [path_of(model, item, cell.probe) for item in items]
    content = {
        "made_by": "python tools/token_paths.py",
        "study": STUDY,
        "model": cell.model.name,
        "note": model.note,
        "checkpoint": plan.checkpoint,
        "weights": fingerprints,
        "pruning": asdict(cell.prune) | {"label": cell.prune.label},
        "calibration": asdict(cell.calibration),
        "prompts_sha256": describe_prompts(model, cell.probe)["sha256"],
        "versions": {name: version(name) for name in LIBRARIES},
        "questions": [
            {
                "item_id": item.id,
                "question": item.question,
                "gold": item.answer,
                "paths": {name: found[place] for name, found in paths.items()},
            }
            for place, item in enumerate(items)
        ],
    }
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(
        json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )


def path_of(model: Model, item: Item, spec: ProbeSpec) -> dict[str, Any]:
    """Return the open answer and the options of one question, each token with its log-prob."""
    session = Session(model, [item], spec, lambda *_: None)
    asked = session.ask(session.prompts.open(item))
    output = greedy(
        session.engine,
        session.engine.prefill([asked.ids]),
        session.stops,
        spec.max_new_tokens,
    )[0]
    log_probs = log_softmax(model, asked.ids + output.tokens, len(asked.ids))
    firsts = [form[0] for form in session.forms(item, "gold", asked.text)]
    ranks = [[1 + int((row > row[t]).sum()) for t in firsts] for row in log_probs]
    line = first_line(output.tokens, session.encoder.newlines)
    slot = find_slot(ranks, range(len(firsts)), min(line + 1, len(log_probs)))
    text = session.encoder.tokenizer.decode
    steps = []
    for place, row in enumerate(log_probs):
        top = row.topk(KEPT)
        form = min(range(len(firsts)), key=ranks[place].__getitem__)
        steps.append(
            {
                "written": text([output.tokens[place]]) if place < len(output.tokens) else None,
                "gold_token": text([firsts[form]]),
                "gold_rank": ranks[place][form],
                "gold_log_prob": rounded(row[firsts[form]]),
                "top": [
                    [text([int(t)]), rounded(p)]
                    for t, p in zip(top.indices, top.values, strict=True)
                ],
            }
        )
    return {
        "prompt": asked.text,
        "output": session.encoder.decode(output.tokens),
        "slot": slot.place,
        "steps": steps,
        "options": options_of(session, model, item, asked.text),
    }


def options_of(session: Session, model: Model, item: Item, prompt: str) -> list[dict[str, Any]]:
    """Return every option with the log-prob of each of its tokens after the open prompt."""
    options = shuffled_options(item, session.spec.seed)
    seam, tails = session.encoder.join(prompt, [session.spaced(item, text) for text in options])
    found = []
    for option, tail in zip(options, tails, strict=True):
        rows = log_softmax(model, [*seam, *tail], len(seam))[:-1]
        found.append(
            {
                "text": option,
                "tokens": [session.encoder.tokenizer.decode([t]) for t in tail],
                "log_probs": [rounded(row[t]) for row, t in zip(rows, tail, strict=True)],
            }
        )
    return found


def log_softmax(model: Model, tokens: list[int], start: int) -> torch.Tensor:
    """Return what follows the tokens from place `start` on, by one plain pass; (steps, vocab)."""
    with torch.inference_mode():
        logits = model.net(torch.tensor([tokens])).logits[0, start - 1 :].double()
    return torch.log_softmax(logits, dim=-1)


def rounded(value: torch.Tensor) -> float:
    """Return a log-prob with the digits that fp32 holds on any machine."""
    return round(float(value), DIGITS)


if __name__ == "__main__":
    main()

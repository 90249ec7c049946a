"""Keep one-pass statistics on disk, so that the processes of a study collect them once in all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from illusion_lib.errors import StoreError
from illusion_lib.pruning.statistics import InputStatistics, Statistics

_FORMAT = "1"


def write_statistics(path: Path, statistics: Statistics) -> None:
    """Write statistics as safetensors; inputs that matrices share are written once."""
    places: dict[int, int] = {}
    tensors: dict[str, torch.Tensor] = {}
    tokens: list[int] = []
    names: dict[str, int] = {}
    for name, found in statistics.inputs.items():
        place = places.setdefault(id(found), len(places))
        names[name] = place
        if place == len(tokens):
            tokens.append(found.tokens)
            tensors[f"norms.{place}"] = found.squared_norms
            if found.gram is not None:
                tensors[f"gram.{place}"] = found.gram
    content = {"names": names, "tokens": tokens, "need": statistics.need, "all": statistics.tokens}
    save_file(tensors, path, {"format": _FORMAT, "content": json.dumps(content)})


def read_statistics(path: Path, devices: Mapping[str, torch.device]) -> Statistics:
    """Return the statistics of a file, each on the device of the matrix that it belongs to.

    Raises
    ------
    StoreError
        The file does not hold statistics of exactly these matrices.
    """
    try:
        with safe_open(path, framework="pt") as file:
            content = json.loads((file.metadata() or {})["content"])
            names: dict[str, int] = content["names"]
            if set(names) != set(devices):
                raise StoreError(f"{path} holds statistics of another network")
            held = set(file.keys())
            read: dict[int, InputStatistics] = {}
            for name, place in names.items():
                if place not in read:
                    gram = f"gram.{place}"
                    read[place] = InputStatistics(
                        int(content["tokens"][place]),
                        file.get_tensor(f"norms.{place}").to(devices[name]),
                        file.get_tensor(gram).to(devices[name]) if gram in held else None,
                    )
            inputs = {name: read[place] for name, place in names.items()}
            return Statistics(inputs, content["need"], int(content["all"]))
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise StoreError(f"{path} cannot be read ({error})") from error

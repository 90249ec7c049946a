"""What has a pruning run finished? Kept in a folder, so that a killed run can go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from illusion_lib.pruning import LayerReport
from illusion_lib.pruning.blocks import Block

_KEY = "key"


class FolderJournal:
    """Finished blocks and token windows of one request, in files that appear whole or not at all.

    Parameters
    ----------
    folder
        Its own; what another request has left there is thrown away.
    key
        Tells one request from another: everything that the pruned weights depend on.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        found = folder / _KEY
        if folder.exists() and not (found.is_file() and found.read_text("utf-8") == key):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        found.write_text(key, encoding="utf-8")

    def recall(self, block: Block) -> list[LayerReport] | None:
        """Put a finished block's weights back into it and return its report; None if unknown."""
        try:
            with safe_open(self._file(block), framework="pt") as stored:
                layers = json.loads(stored.metadata()["layers"])
                weights = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  # not a mapping
        except (OSError, SafetensorError):
            return None
        for matrix in block.matrices:
            matrix.write(weights[matrix.name])
        return [LayerReport(**layer) for layer in layers]

    def keep(self, block: Block, layers: Sequence[LayerReport]) -> None:
        """Keep a block that has just been pruned."""
        weights = {
            m.name: m.read().cpu().clone(memory_format=torch.contiguous_format)
            for m in block.matrices
        }
        about = {"layers": json.dumps([asdict(layer) for layer in layers])}
        self._written(self._file(block), lambda path: save_file(weights, path, about))

    def windows(self, name: str, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return token windows, made on first use: sampling a model takes a while."""
        path = self.folder / f"{name}.npy"
        if not path.is_file():
            tokens = make().cpu().numpy()
            self._written(path, lambda part: _save(part, tokens))
        return torch.from_numpy(np.load(path, allow_pickle=False))

    def remove(self) -> None:
        """Throw everything away: the run is done."""
        shutil.rmtree(self.folder)

    def _file(self, block: Block) -> Path:
        return self.folder / f"{block.name}.safetensors"

    def _written(self, path: Path, write: Callable[[Path], None]) -> None:
        partial = path.with_name(path.name + ".partial")
        write(partial)
        partial.replace(path)


def _save(path: Path, tokens: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, tokens, allow_pickle=False)

"""How do responses on disk become a matrix? npz, wide and long tables, our own records."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pandas as pd

from illusion_lib.anchors.matrix import ResponseMatrix, refuse
from illusion_lib.errors import AnchorError
from illusion_lib.foreign import understood

_MODEL_NAMES = ("model", "source", "model_name")
_ITEM_NAMES = ("item", "item_id")
_SCORE_NAMES = ("score", "correct")


def load(path: str | Path) -> ResponseMatrix:
    """Read a response matrix.

    Parameters
    ----------
    path
        ``.npz`` (keys scores, model_names, item_ids; optional category, family, weights,
        full_score), or ``.csv``/``.parquet``: long with columns model (or source), item, score
        (or correct), or wide with the model in the first column and one column per item.

    Raises
    ------
    AnchorError
        The file is missing, of another kind, or holds a bad cell.
    """
    file = Path(path)
    refuse(not file.is_file(), f"no file at {file}; give an .npz, .csv or .parquet of responses")
    with understood(file.name, AnchorError):
        try:
            return _load(file)
        except AnchorError as error:
            raise AnchorError(f"{file.name}: {error}") from error


def _load(file: Path) -> ResponseMatrix:
    if file.suffix == ".npz":
        return _load_npz(file)
    if file.suffix == ".parquet":
        return _from_table(pd.read_parquet(file))
    if file.suffix == ".csv":
        return _from_table(pd.read_csv(file))
    raise AnchorError(f"unknown kind {file.suffix!r}; give .npz, .csv or .parquet")


def save(matrix: ResponseMatrix, path: str | Path) -> None:
    """Write `matrix` as the ``.npz`` that `load` reads."""
    assert matrix.weights is not None
    optional = {
        "family": None if matrix.families is None else np.array(matrix.families),
        "category": None if matrix.categories is None else np.array(matrix.categories),
        "full_score": matrix.full_scores,
    }
    whole = not matrix.missing.any() and bool(np.isin(matrix.scores, (0, 1)).all())
    np.savez_compressed(
        Path(path),
        scores=matrix.scores.astype(np.int8 if whole else np.float32),
        model_names=np.array(matrix.models),
        item_ids=np.array(matrix.items),
        weights=matrix.weights,
        allow_pickle=False,
        **{name: value for name, value in optional.items() if value is not None},
    )


def from_wide(frame: pd.DataFrame) -> ResponseMatrix:
    """Return the matrix of a frame with models as index and items as columns."""
    text = frame.select_dtypes(exclude=["number", "bool"]).columns
    refuse(len(text) > 0, f"column {list(text)[:1]} holds text; items must hold numbers in [0, 1]")
    return ResponseMatrix(
        frame.to_numpy(dtype=np.float64, na_value=np.nan),
        tuple(map(str, frame.index)),
        tuple(map(str, frame.columns)),
    )


def from_long(
    frame: pd.DataFrame, model: str, item: str, score: str, category: str | None = None
) -> ResponseMatrix:
    """Return the matrix of a frame with one row per model and item.

    Parameters
    ----------
    frame
        One answer per row; a model and item that never meet are missing.
    model, item, score, category
        Column names. Models and items keep the order of their first appearance.

    Raises
    ------
    AnchorError
        A column is missing, or one model answers one item twice.
    """
    wanted = [model, item, score, *([category] if category else [])]
    absent = [column for column in wanted if column not in frame.columns]
    refuse(bool(absent), f"no column {absent}; the table has {list(frame.columns)[:12]}")
    twice = frame.duplicated([model, item])
    if twice.any():
        first = frame.loc[twice, [model, item]].iloc[0]
        raise AnchorError(f"model {first[model]!r} answers item {first[item]!r} twice")
    rows, models = pd.factorize(frame[model].astype(str))
    columns, items = pd.factorize(frame[item].astype(str))
    scores = np.full((len(models), len(items)), np.nan)
    values = pd.to_numeric(frame[score], errors="coerce").to_numpy(float, na_value=np.nan)
    scores[rows, columns] = values
    categories = None
    if category:
        categories = tuple(frame.drop_duplicates(item)[category].astype(str))
    return ResponseMatrix(scores, tuple(models), tuple(items), categories=categories)


def from_records(frame: pd.DataFrame, probe: str = "open") -> ResponseMatrix:
    """Return the matrix of a run's records: a row per cell, a column per item.

    Parameters
    ----------
    frame
        Records with the columns model, cell, item_id, probe, correct; rows judged against a
        distractor are left out.
    probe
        Which format's answers: ``open`` (production), ``candidates`` or ``choice`` (recognition).

    Returns
    -------
    ResponseMatrix
        Models are named ``model/cell``; families are the models, categories the relations with
        their language.
    """
    kept = frame[frame["probe"] == probe]
    if "target" in kept.columns:
        kept = kept[kept["target"] == "gold"]
    refuse(kept.empty, f"no {probe!r} records; the frame has {sorted(set(frame['probe']))}")
    names: pd.Series[str] = kept["model"].astype(str) + "/" + kept["cell"].astype(str)
    table = kept.assign(_name=names, _score=kept["correct"].astype("Float64"))
    if {"relation", "language"} <= set(kept.columns):
        table["_category"] = table["relation"].astype(str) + "/" + table["language"].astype(str)
    category = "_category" if "_category" in table.columns else None
    matrix = from_long(table, "_name", "item_id", "_score", category)
    of: dict[Hashable, str] = dict(zip(names, kept["model"].astype(str), strict=True))
    families = tuple(of[name] for name in matrix.models)
    return ResponseMatrix(matrix.scores, matrix.models, matrix.items, families, matrix.categories)


def _load_npz(file: Path) -> ResponseMatrix:
    with np.load(file, allow_pickle=False) as held:
        keys = set(held.files)
        absent = {"scores", "model_names", "item_ids"} - keys
        refuse(bool(absent), f"keys {sorted(absent)} are missing; the file has {sorted(keys)}")

        def texts(key: str) -> tuple[str, ...] | None:
            return tuple(map(str, held[key])) if key in keys else None

        return ResponseMatrix(
            held["scores"],
            texts("model_names") or (),
            texts("item_ids") or (),
            texts("family"),
            texts("category"),
            held["weights"] if "weights" in keys else None,
            held["full_score"] if "full_score" in keys else None,
        )


def _from_table(frame: pd.DataFrame) -> ResponseMatrix:
    """Tell long from wide by the column names."""

    def pick(names: tuple[str, ...]) -> str | None:
        return next((name for name in names if name in frame.columns), None)

    model, item, score = pick(_MODEL_NAMES), pick(_ITEM_NAMES), pick(_SCORE_NAMES)
    if model and item and score:
        category = "category" if "category" in frame.columns else None
        return from_long(frame, model, item, score, category)
    return from_wide(frame.set_index(frame.columns[0]))

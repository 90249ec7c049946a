"""How does SparseEval choose and read anchors? As published (arXiv 2602.07909), without its leaks.

With `small_network`, the only file of this room that uses torch, and only once it is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from scipy.stats import kendalltau

from illusion_lib.anchors.base import AnchorEstimator
from illusion_lib.anchors.clusters import cluster_anchors
from illusion_lib.anchors.matrix import FloatArray, IntArray, refuse
from illusion_lib.anchors.training import Training

if TYPE_CHECKING:
    import torch

LEARNING_RATE = 5e-4
CHECK_EVERY, PATIENCE = 500, 30
HIDDEN: dict[str, tuple[int, ...]] = {"mlp": (128, 64, 32), "linear": ()}
VALIDATION = 0.25
"""Share of the fitted rows held out for early stopping: 60/20 where ``fit`` gets 80 %."""


@dataclass(eq=False)
class SparseEval(AnchorEstimator):
    """Start from k-means or random items, swap ten times by gradients, learn a small network.

    Parameters
    ----------
    network
        ``mlp``: K-128-64-32-1 with GELU, dropout 0.1 and a sigmoid; ``linear``: K-1.
    start
        First anchors: ``kmeans`` (published for ARC, GSM8K, HellaSwag, TruthfulQA) or ``random``
        (published for MMLU and WinoGrande).
    swaps, proxy_steps, final_steps
        10 unconditional swaps; Adam steps of every proxy network and, at most, of the final one.
    leaked_scores
        float (models, items) with the *test* models: clusters are then formed on these rows, which
        is the published leak, for comparison only. None clusters the training rows.

    Notes
    -----
    Deviations: the training rows alone are clustered; the validation rows are a seeded quarter of
    what ``fit`` is given; `seed` governs the split, the start and the networks together (the
    published ten repetitions share one split); the weights of the best check are kept and read,
    where the published code keeps the test error of that moment only.
    """

    network: Literal["mlp", "linear"] = "mlp"
    start_from: Literal["kmeans", "random"] = "kmeans"
    swaps: int = 10
    proxy_steps: int = 2000
    final_steps: int = 20000
    leaked_scores: FloatArray | None = None

    label: ClassVar[str] = "SparseEval"
    calibration_folds: ClassVar[int] = 3

    def _select(self, training: Training, rng: np.random.Generator) -> IntArray:
        refuse(self.network not in ("mlp", "linear"), f"unknown network {self.network!r}")
        refuse(self.start_from not in ("kmeans", "random"), f"unknown start {self.start_from!r}")
        n_models, n_items = training.scores.shape
        # Rows in order of score, so that the order they came in does not matter.
        ranked = np.lexsort((*training.scores.T[:8], training.target))
        order = ranked[rng.permutation(n_models)]
        n_held = max(1, round(VALIDATION * n_models)) if n_models > 3 else 0
        self._held, self._fitted = order[:n_held], order[n_held:]
        scores, target = training.scores[self._fitted], training.target[self._fitted]
        anchors = self._first(training, scores, rng)
        for swap in range(self.swaps if n_items > self.n_anchors else 0):
            network = self._train(scores[:, anchors], target, None, self.proxy_steps, swap)
            error, slopes = errors_and_slopes(network, scores[:, anchors], target)
            anchors = swap_once(anchors, scores, error, slopes)
        return anchors

    def _first(self, training: Training, scores: FloatArray, rng: np.random.Generator) -> IntArray:
        n_items = scores.shape[1]
        if self.start_from == "random":
            return rng.choice(n_items, self.n_anchors, replace=False)
        source = scores if self.leaked_scores is None else self.leaked_scores
        points = 2 * source.T - 1
        length = np.linalg.norm(points, axis=1, keepdims=True)
        anchors, _ = cluster_anchors(points / np.maximum(length, 1e-10), self.n_anchors, self.seed)
        rest = rng.permutation(np.setdiff1d(np.arange(n_items), anchors))
        return np.concatenate([np.sort(anchors), rest])[: self.n_anchors]

    def _learn(self, training: Training, answers: FloatArray) -> None:
        held = (answers[self._held], training.target[self._held]) if len(self._held) else None
        fitted = answers[self._fitted], training.target[self._fitted]
        self._network = self._train(*fitted, held, self.final_steps, self.swaps)

    def _read(self, answers: FloatArray) -> FloatArray:
        import torch

        with torch.no_grad():
            out = self._network(torch.as_tensor(answers, dtype=torch.float32))
        return np.asarray(out[:, 0].double().numpy())

    def _train(
        self,
        answers: FloatArray,
        target: FloatArray,
        held: tuple[FloatArray, FloatArray] | None,
        steps: int,
        draw: int,
    ) -> torch.nn.Module:
        """Return a fresh network after full-batch Adam steps, in eval mode."""
        import torch

        from illusion_lib.anchors.small_network import Trainer, perceptron

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1000 * self.seed + draw)
            network = perceptron((answers.shape[1], *HIDDEN[self.network], 1))
        x = torch.as_tensor(answers, dtype=torch.float32)  # (models, k)
        y = torch.as_tensor(target, dtype=torch.float32)[:, None]  # (models, 1)
        trainer = Trainer(network, x, y, LEARNING_RATE, 1000 * self.seed + draw)
        checks = Checks(network, held)
        for step in range(1, steps + 1):
            trainer.step()
            if held is not None and step % CHECK_EVERY == 0 and checks.stop():
                break
        checks.restore()
        return network.eval()


class Checks:
    """Early stopping as published: a check counts only if loss *and* rank are no worse."""

    def __init__(
        self, network: torch.nn.Module, held: tuple[FloatArray, FloatArray] | None
    ) -> None:
        self._network, self._held = network, held
        self._loss, self._tau, self._patience = np.inf, -np.inf, 0
        self._kept: dict[str, Any] | None = None

    def stop(self) -> bool:
        """Check the held-out models; return whether patience has run out."""
        import torch

        assert self._held is not None
        x, y = self._held
        self._network.eval()
        with torch.no_grad():
            guess = self._network(torch.as_tensor(x, dtype=torch.float32))[:, 0].double().numpy()
        self._network.train()
        loss = float(((guess - y) ** 2).mean())
        differ = np.ptp(guess) > 0 and np.ptp(y) > 0
        tau = float(kendalltau(y, guess).statistic) if differ else -1.0
        if loss <= self._loss and tau >= self._tau:
            self._loss, self._tau = loss, tau
            self._kept = {k: v.clone() for k, v in self._network.state_dict().items()}
        else:
            self._patience += 1
        return self._patience >= PATIENCE

    def restore(self) -> None:
        """Go back to the weights of the last check that counted, if any did."""
        if self._kept is not None:
            self._network.load_state_dict(self._kept)


def swap_once(
    anchors: IntArray, scores: FloatArray, error: FloatArray, slopes: FloatArray
) -> IntArray:
    """Replace the anchor of least importance by the item that best explains the errors.

    Parameters
    ----------
    anchors
        int (k,).
    scores
        float (models, items).
    error
        float (models,): prediction minus target.
    slopes
        float (models, k): derivative of the prediction by each answer.

    Returns
    -------
    int (k,)
        Anchor importance AIS_k = 2/M^2 sum_m |e_m| |df/dx_k|, candidate importance
        CIS_j = |sum_m (Y_mj - 1/2) e_m|; the swap is made whether or not it helps.
    """
    importance = 2 / len(error) ** 2 * (np.abs(error)[:, None] * np.abs(slopes)).sum(axis=0)
    candidate = np.abs((scores - 0.5).T @ error)
    candidate[anchors] = -1
    swapped = anchors.copy()
    swapped[int(np.argmin(importance))] = int(np.argmax(candidate))
    return swapped


def errors_and_slopes(
    network: torch.nn.Module, answers: FloatArray, target: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return prediction minus target (models,) and its derivatives by the answers (models, k)."""
    import torch

    x = torch.as_tensor(answers, dtype=torch.float32).requires_grad_()
    out = network(x)[:, 0]
    (slopes,) = torch.autograd.grad(out.sum(), x)
    return out.detach().double().numpy() - target, slopes.double().numpy()

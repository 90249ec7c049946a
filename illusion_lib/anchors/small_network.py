"""How is a tiny network trained fast? Full-batch Adam with gradients written out by hand.

A step of a network of a few thousand weights costs less arithmetic than bookkeeping: autograd,
optimiser and dropout's random numbers take two thirds of it. Here all weights lie in one vector,
every array is made once, and a step is some thirty calls. Imported only where torch is needed.
"""

from __future__ import annotations

from itertools import pairwise
from math import pi, sqrt

import numpy as np
import torch
from torch import Tensor, nn

DROP = 0.1
_CHOICES = 2**16
_DROPPED = round(DROP * _CHOICES)  # of so many equally likely 16-bit numbers


def perceptron(widths: tuple[int, ...]) -> nn.Sequential:
    """Return a fresh network with GELU and dropout between layers and a sigmoid at its end.

    Parameters
    ----------
    widths
        Of the input and of every layer. Two of them make a line, without a sigmoid.
    """
    layers: list[nn.Module] = []
    *hidden, last = pairwise(widths)
    for wide, narrow in hidden:
        layers += [nn.Linear(wide, narrow), nn.GELU(), nn.Dropout(DROP)]
    layers.append(nn.Linear(last[0], last[1]))
    return nn.Sequential(*layers, *[nn.Sigmoid()] * (len(widths) > 2))


class Trainer:
    """Full-batch training of one `perceptron` on mean squared error.

    Parameters
    ----------
    network
        Trained in place; its parameters become views of one vector.
    x, y
        float32 (rows, inputs) and (rows, 1).
    learning_rate
        Of Adam (Kingma and Ba 2015) with its default moments.
    seed
        Of dropout. A unit is dropped with a chance of 6554/65536.
    """

    def __init__(
        self, network: nn.Sequential, x: Tensor, y: Tensor, learning_rate: float, seed: int
    ) -> None:
        lines = [layer for layer in network if isinstance(layer, nn.Linear)]
        self._x, self._y, self._rate = x, y, learning_rate
        self._sigmoid = isinstance(network[-1], nn.Sigmoid)
        self._bits = np.random.SFC64(seed)
        self._flat = torch.cat([p.detach().flatten() for p in network.parameters()])
        self._slope = torch.zeros_like(self._flat)
        self._moments = torch.zeros_like(self._flat), torch.zeros_like(self._flat)
        self._count = torch.zeros(())
        self._weights, self._weight_slopes = [], []
        start = 0
        for line in lines:
            for name, one in (("weight", line.weight), ("bias", line.bias)):
                place = slice(start, start + one.numel())
                view = self._flat[place].view_as(one)
                getattr(line, name).data = view
                self._weights.append(view)
                self._weight_slopes.append(self._slope[place].view_as(one))
                start += one.numel()
        self._out = torch.empty(len(x), lines[-1].out_features)
        self._layers(len(x), [line.out_features for line in lines[:-1]])

    def _layers(self, rows: int, widths: list[int]) -> None:
        """Make the hidden layers' arrays: views of one vector each, to be treated at once."""
        total = rows * sum(widths)
        self._kept = np.empty(total, dtype=bool)
        # before GELU, its normal distribution function, dropout's factor, after both, and slopes
        self._whole = [torch.empty(total) for _ in range(5)]
        parts = [torch.split(whole, [rows * width for width in widths]) for whole in self._whole]
        self._hidden = [
            tuple(part.view(rows, width) for part in layer)
            for width, *layer in zip(widths, *parts, strict=True)
        ]

    def step(self) -> None:
        """Make one step of Adam on the whole of the rows."""
        self._forward()
        self._backward()
        torch._fused_adam_(  # what torch.optim.Adam(fused=True) calls
            [self._flat],
            [self._slope],
            [self._moments[0]],
            [self._moments[1]],
            [],
            [self._count.add_(1)],
            lr=self._rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )

    def _forward(self) -> None:
        factor = self._whole[2]
        n = len(factor)
        if n:
            drawn = self._bits.random_raw(-(-n // 4)).view(np.uint16)[:n]
            np.greater_equal(drawn, _DROPPED, out=self._kept)
            np.multiply(
                self._kept, np.float32(1 / (1 - DROP)), out=factor.numpy(), casting="unsafe"
            )
        below = self._x
        for place, (before, share, kept, after, _) in enumerate(self._hidden):
            weight, bias = self._weights[2 * place : 2 * place + 2]
            torch.addmm(bias, below, weight.T, out=before)  # (rows, width)
            torch.erf(torch.mul(before, sqrt(0.5), out=share), out=share)
            share.add_(1).mul_(0.5)  # Phi(before)
            torch.mul(before, share, out=after).mul_(kept)
            below = after
        torch.addmm(self._weights[-1], below, self._weights[-2].T, out=self._out)
        if self._sigmoid:
            self._out.sigmoid_()

    def _backward(self) -> None:
        slope = (self._out - self._y).mul_(2 / self._y.numel())  # of the loss by the output
        if self._sigmoid:
            slope.mul_(self._out).mul_(1 - self._out)
        before, share, kept, _, slopes = self._whole
        # GELU' = Phi + x phi, of all layers at once, with dropout's factor.
        torch.mul(before, before, out=slopes).mul_(-0.5).exp_().mul_(before)
        slopes.mul_(1 / sqrt(2 * pi)).add_(share).mul_(kept)
        for place in range(len(self._hidden), -1, -1):
            below = self._hidden[place - 1] if place else None
            source = self._x if below is None else below[3]
            torch.mm(slope.T, source, out=self._weight_slopes[2 * place])
            torch.sum(slope, 0, out=self._weight_slopes[2 * place + 1])
            if below is not None:
                passed = torch.mm(slope, self._weights[2 * place], out=below[3])
                slope = below[4].mul_(passed)

import numpy as np
import pytest
import torch
from torch import nn

from illusion_lib.anchors.small_network import DROP, Trainer, perceptron


def rows(n=37, inputs=5, seed=0):
    rng = np.random.default_rng(seed)
    x = torch.as_tensor((rng.random((n, inputs)) < 0.5).astype(np.float32))
    return x, x.mean(1, keepdim=True) * 0.8 + 0.1


def twin(network, widths):
    other = perceptron(widths)
    other.load_state_dict(network.state_dict())
    return other


class Given(nn.Module):
    """Dropout whose factors are handed in."""

    factor = None

    def forward(self, x):
        return x * self.factor


@pytest.mark.parametrize("widths", [(5, 1), (5, 7, 1), (5, 16, 8, 4, 1)])
def test_steps_equal_autograd_and_torchs_adam(widths):
    """The same dropout factors put into plain torch give the same weights after 25 steps."""
    torch.manual_seed(0)
    x, y = rows()
    network = perceptron(widths)
    reference = twin(network, widths)
    masks = [place for place, layer in enumerate(reference) if isinstance(layer, nn.Dropout)]
    for place in masks:
        reference[place] = Given()
    adam = torch.optim.Adam(reference.parameters(), lr=5e-4)
    trainer = Trainer(network, x, y, 5e-4, seed=3)
    for _ in range(25):
        trainer.step()
        for place, layer in zip(masks, trainer._hidden, strict=True):
            reference[place].factor = layer[2].clone()
        adam.zero_grad()
        torch.nn.functional.mse_loss(reference(x), y).backward()
        adam.step()
    for ours, theirs in zip(network.parameters(), reference.parameters(), strict=True):
        assert ours.detach().numpy() == pytest.approx(theirs.detach().numpy(), abs=2e-6)


def test_a_tenth_of_the_units_is_dropped_and_the_rest_made_up_for():
    x, y = rows(n=200)
    trainer = Trainer(perceptron((5, 128, 64, 1)), x, y, 5e-4, seed=0)
    trainer.step()
    factor = trainer._whole[2].numpy()
    assert set(np.unique(factor)) == {np.float32(0), np.float32(1 / (1 - DROP))}
    assert factor.mean() == pytest.approx(1, abs=0.01)
    first = factor.copy()
    trainer.step()
    assert (factor != first).mean() == pytest.approx(2 * DROP * (1 - DROP), abs=0.01)


def test_what_it_learns_depends_on_the_seed_alone():
    def trained(seed):
        torch.manual_seed(0)
        network = perceptron((5, 16, 8, 1))
        trainer = Trainer(network, *rows(), 5e-3, seed)
        for _ in range(50):
            trainer.step()
        return torch.cat([p.detach().flatten() for p in network.parameters()])

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_it_learns_a_mean():
    torch.manual_seed(0)
    x, y = rows(n=100)
    network = perceptron((5, 128, 64, 32, 1))
    trainer = Trainer(network, x, y, 5e-4, seed=0)
    for _ in range(1000):
        trainer.step()
    with torch.no_grad():
        assert float((network.eval()(x) - y).abs().mean()) < 0.02

"""A frame autoencoder: sizes, channels, its losses by hand, and a small disc that only the weighted loss keeps."""

import pytest
import torch

from wam.nets.perceive.autoencoder import FrameAutoencoder
from wam.nets.perceive.emphasis import REST
from wam.world import Noise


def discs(count: int, seed: int, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures "N 3 s s" of a small red disc on a plain grey table, and where it is, "N 1 s s"."""
    place = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) * (size - 6) + 3
    rows, columns = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    away = ((rows - place[:, :1, None]) ** 2 + (columns - place[:, 1:, None]) ** 2).sqrt()
    inside = torch.sigmoid(4 * (1.5 - away))[:, None]
    return inside * torch.tensor([0.9, 0.2, 0.2]).view(3, 1, 1) + (1 - inside) * 0.6, (inside > 0.1).float()


@pytest.mark.parametrize(("channels", "factor", "sides"), [(1, 2, (8, 12)), (3, 4, (16, 16)), (4, 8, (16, 24)), (9, 4, (8, 8))])
def test_any_channels_and_sizes(channels, factor, sides):
    net = FrameAutoencoder(channels, latent=5, factor=factor, width=8)
    pictures = torch.rand(2, channels, *sides)
    latent = net.encode(pictures)
    assert latent.shape == (2, 5, sides[0] // factor, sides[1] // factor)
    again = net.decode(latent)
    assert again.shape == pictures.shape and again.min() > 0 and again.max() < 1 and torch.equal(again, net.decode(latent))
    assert torch.allclose(net.encode(pictures[1:]), latent[1:], atol=1e-6)


def test_what_cannot_be_halved_is_refused():
    for wrong in (3, 6, 1, 0):
        with pytest.raises(ValueError, match="factor is"):
            FrameAutoencoder(3, factor=wrong)
    with pytest.raises(ValueError, match="multiples of 8"):
        FrameAutoencoder(3, width=12)
    with pytest.raises(ValueError, match="multiples of factor = 8"):
        FrameAutoencoder(3, factor=8, width=8).encode(torch.rand(1, 3, 16, 20))


def test_its_losses_by_hand():
    """A decoder that always says grey; a latent with known moments."""
    net = FrameAutoencoder(3, latent=2, factor=4, width=8)
    with torch.no_grad():
        for layer in (net.moments, net.decoder[-3]):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        net.moments.bias.copy_(torch.tensor([1.0, -1.0, -2.0, -2.0]))
    pictures, emphasis = torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 1, 8, 8)
    pictures[:, :, :4] = 1
    emphasis[:, :, :2] = 1
    losses = net.loss(pictures, emphasis, Noise.of([0]))
    expected = 0.25 * (0.25 + 0.5 * REST) / (0.25 + REST)
    assert float(losses["reconstruction"].detach()) == pytest.approx(expected, rel=1e-4)
    normal = torch.distributions.Normal
    kl = torch.distributions.kl_divergence(normal(torch.tensor([1.0, -1.0]), torch.tensor([-1.0, -1.0]).exp()), normal(0.0, 1.0)).mean()
    assert float(losses["kl"].detach()) == pytest.approx(float(kl), rel=1e-5)


def test_noise_is_a_row_s_own():
    net = FrameAutoencoder(3, latent=2, factor=4, width=8)
    pictures, emphasis = discs(3, 0)
    both = net.loss(pictures, emphasis, Noise.of([5, 6, 7]))["reconstruction"]
    assert torch.allclose(both[1:2], net.loss(pictures[1:2], emphasis[1:2], Noise.of([6]))["reconstruction"], rtol=1e-4)


def test_what_is_emphasised_is_kept_and_else_forgotten():
    def learned(emphasised: bool) -> float:
        """Error at the disc's pixels of pictures never seen, as a share of that of a picture without a disc."""
        torch.manual_seed(0)
        net = FrameAutoencoder(3, latent=4, factor=8, width=16)
        optimiser = torch.optim.AdamW(net.parameters(), 3e-3)
        for step in range(60):
            pictures, disc = discs(32, step)
            losses = net.loss(pictures, disc if emphasised else torch.ones_like(disc), Noise.of(range(32 * step, 32 * step + 32)))
            loss = losses["reconstruction"].mean() + 1e-3 * losses["kl"].mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        pictures, disc = discs(64, 10**6)
        with torch.no_grad():
            error, nothing = (((found - pictures) ** 2 * disc).sum() for found in (net.decode(net.encode(pictures)), torch.full((), 0.6)))
        return float(error / nothing)

    with_emphasis, without = learned(True), learned(False)
    assert with_emphasis < 0.4 and without > 0.8

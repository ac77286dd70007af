from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phosphene.stimuli import C_DIM, draw, embed

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("diffusers", reason="the train extra is not installed")

from renderer.training import corruption, flowmap  # noqa: E402
from renderer.training.autoencoder import Autoencoder, to_bytes, to_unit  # noqa: E402
from renderer.training.dataset import HELD_OUT_SEED, TRAINING_SEED, render_set  # noqa: E402
from renderer.training.dataset import scene_number as number  # noqa: E402
from renderer.training.flowmap import Condition  # noqa: E402
from renderer.training.frechet import FEATURE_SEED  # noqa: E402
from renderer.training.judge import JUDGE_SEED  # noqa: E402
from renderer.training.progress import (  # noqa: E402
    Budget,
    MovingAverage,
    cosine_rate,
    load_checkpoint,
    save_checkpoint,
)


def nothing(n: int) -> Condition:
    return Condition(
        torch.zeros(n, 4, 16, 16), torch.zeros(n), torch.zeros(n, C_DIM), torch.ones(n)
    )


def exact(x: torch.Tensor) -> flowmap.Velocity:
    """The true flow map where all data are the one point x: v = (z_t - x) / t along any step."""
    return lambda z_t, t, h, condition: (z_t - x) / t[:, None, None, None]


def test_the_true_flow_map_has_no_loss_and_lands_on_the_data_in_any_number_of_steps() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, 16, 16, generator=rng)
    many = x.expand(64, -1, -1, -1)
    u = exact(x)
    assert flowmap.velocity_loss(u, many, nothing(64), rng).item() < 1e-3
    assert flowmap.shortcut_loss(u, u, 0.5 * many, nothing(64), rng).item() < 2.0
    noise = torch.randn(8, 4, 16, 16, generator=rng)
    for steps in (1, 2, 4, 7):
        torch.testing.assert_close(
            flowmap.sample(u, noise, nothing(8), steps), x.expand(8, -1, -1, -1), atol=1e-4, rtol=0
        )


def test_self_consistency_tells_a_flow_map_from_a_velocity() -> None:
    """u = z_t has true flow z e^{-h}, so one long step with it disagrees with two short ones."""
    rng = torch.Generator().manual_seed(1)
    x = torch.zeros(64, 4, 16, 16)

    def velocity(z_t: torch.Tensor, t: torch.Tensor, h: torch.Tensor, _: Condition) -> torch.Tensor:
        return z_t

    def average(z_t: torch.Tensor, t: torch.Tensor, h: torch.Tensor, _: Condition) -> torch.Tensor:
        step = h.clamp(min=1e-6)
        return z_t * ((1.0 - torch.exp(-step)) / step)[:, None, None, None]

    wrong = flowmap.shortcut_loss(velocity, velocity, x, nothing(64), rng)
    right = flowmap.shortcut_loss(average, average, x, nothing(64), rng)
    assert right.item() < 2e-4 < 20 * right.item() < wrong.item()


def test_conditions_are_dropped_independently_at_the_stated_rates() -> None:
    has_z, has_c = corruption.drop_masks(40_000, torch.Generator().manual_seed(0))
    keep_z = (1 - corruption.DROP_Z) * (1 - corruption.DROP_BOTH)
    keep_c = (1 - corruption.DROP_C) * (1 - corruption.DROP_BOTH)
    assert has_z.mean().item() == pytest.approx(keep_z, abs=0.01)
    assert has_c.mean().item() == pytest.approx(keep_c, abs=0.01)
    neither = ((has_z == 0) & (has_c == 0)).float().mean().item()
    both_by_chance = corruption.DROP_Z * corruption.DROP_C
    expected = corruption.DROP_BOTH + (1 - corruption.DROP_BOTH) * both_by_chance
    assert neither == pytest.approx(expected, abs=0.01)


def test_corrupted_conditions_range_from_untouched_to_hopeless() -> None:
    rng = torch.Generator().manual_seed(2)
    z, c = torch.randn(600, 4, 16, 16, generator=rng), torch.randn(600, C_DIM, generator=rng)
    for clean, made in ((z, corruption.corrupt_z(z, rng)), (c, corruption.corrupt_c(c, rng))):
        assert made.shape == clean.shape
        pairs = zip(clean.flatten(1).numpy(), made.flatten(1).numpy(), strict=True)
        fit = np.array([np.corrcoef(a, b)[0, 1] for a, b in pairs])
        assert 0.05 < (fit > 0.9999).mean() < 0.25  # the share that is left alone
        assert np.quantile(fit, 0.1) < 0.85
    again = corruption.corrupt_z(z, torch.Generator().manual_seed(3))
    torch.testing.assert_close(again, corruption.corrupt_z(z, torch.Generator().manual_seed(3)))


def test_sets_of_scenes_share_nothing_and_are_kept(tmp_path: Path) -> None:
    seeds = (TRAINING_SEED, HELD_OUT_SEED, JUDGE_SEED, FEATURE_SEED)
    assert len({number(s, k) for s in seeds for k in range(50)}) == 4 * 50
    pictures, c = render_set(TRAINING_SEED, 5, tmp_path)
    again, c_again = render_set(TRAINING_SEED, 5, tmp_path)
    np.testing.assert_array_equal(pictures, again)
    np.testing.assert_array_equal(c, c_again)
    np.testing.assert_array_equal(pictures[3], draw(number(TRAINING_SEED, 3)))
    np.testing.assert_array_equal(c[3], embed(number(TRAINING_SEED, 3)))


def test_bytes_survive_the_way_to_units_and_back() -> None:
    pictures = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(1, 16, 16, 3)
    torch.testing.assert_close(to_bytes(to_unit(pictures)), pictures)


def test_the_decoder_undoes_the_shape_of_the_encoder() -> None:
    model = Autoencoder().eval()
    x = torch.zeros(2, 3, 64, 64)
    assert model.encoder(x).shape == (2, 4, 16, 16)
    assert model.decoder(model.encoder(x)).shape == x.shape


def test_a_resumed_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    def steps(model: torch.nn.Module, optimizer: torch.optim.Optimizer, count: int) -> None:
        for _ in range(count):
            loss = (model(torch.ones(4, 3)) - 1.0).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def fresh() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 2)
        return model, torch.optim.AdamW(model.parameters(), lr=0.1)

    whole, rule = fresh()
    steps(whole, rule, 6)
    half, first_rule = fresh()
    steps(half, first_rule, 3)
    budget = Budget(10, None)
    budget.step = 3
    save_checkpoint(tmp_path, budget, {"net": half}, first_rule)
    torch.manual_seed(99)
    other = torch.nn.Linear(3, 2)
    other_rule = torch.optim.AdamW(other.parameters(), lr=0.1)
    resumed = Budget(10, None)
    assert load_checkpoint(tmp_path, resumed, {"net": other}, other_rule)
    assert resumed.step == 3
    assert resumed.spent_s >= budget.spent_s
    steps(other, other_rule, 3)
    for a, b in zip(whole.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    assert not load_checkpoint(tmp_path / "empty", resumed, {"net": other}, None)


def test_budgets_end_by_steps_or_by_minutes() -> None:
    budget = Budget(4, None)
    budget.step = 1
    assert budget.fraction == 0.25
    timed = Budget(None, 2.0)
    timed.spent_s = 60.0
    assert timed.fraction == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ValueError, match="either"):
        Budget(4, 2.0)
    assert cosine_rate(0.0, 1000, 1.0) == pytest.approx(1.0)
    assert cosine_rate(1.0, 1000, 1.0) == pytest.approx(0.02)
    assert cosine_rate(0.0, 0, 1.0) == pytest.approx(0.01)


def test_the_moving_average_follows_the_weights() -> None:
    model, shadow = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    average = MovingAverage(model, shadow, decay=0.9)
    torch.testing.assert_close(shadow.weight, model.weight)
    with torch.no_grad():
        model.weight += 1.0
    for step in range(200, 400):
        average.update(step)
    torch.testing.assert_close(shadow.weight, model.weight, atol=1e-4, rtol=0)
    assert not shadow.weight.requires_grad

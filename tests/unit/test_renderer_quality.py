from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from phosphene.stimuli import embed

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("diffusers", reason="the train extra is not installed")

from renderer.quality import page, readers  # noqa: E402
from renderer.quality.diversity import (  # noqa: E402
    diversity,
    expected_distinct,
    nearest,
    pair_distance,
    pixel_distance,
)
from renderer.quality.held import (  # noqa: E402
    corrupted,
    held_out,
    in_every_style,
    one_of_each,
    siblings,
    told_c,
)
from renderer.quality.measure import Row  # noqa: E402
from renderer.quality.scores import (  # noqa: E402
    Score,
    chance,
    psnr_db,
    score,
    sharpness,
    wilson,
)
from renderer.quality.sheet import MARGIN_PX, save_sheet  # noqa: E402
from renderer.training.dataset import HELD_OUT_SEED, scene_number  # noqa: E402
from renderer.training.frechet import frechet_distance, gaussian_distance  # noqa: E402
from renderer.training.judge import Judge, Reading, features, judged, seen  # noqa: E402
from renderer.training.progress import channels_last  # noqa: E402


def test_the_frechet_distance_of_known_normals() -> None:
    eye = np.eye(3)
    zero = np.zeros(3)
    assert gaussian_distance(zero, eye, zero, eye) == pytest.approx(0.0, abs=1e-12)
    assert gaussian_distance(zero, eye, np.array([3.0, 4.0, 0.0]), eye) == pytest.approx(25.0)
    # commuting covariances: the sum of (s1 - s2)^2 over axes, also where one axis has no spread
    a, b = np.diag([4.0, 9.0, 0.0]), np.diag([1.0, 1.0, 1.0])
    assert gaussian_distance(zero, a, zero, b) == pytest.approx(1.0 + 4.0 + 1.0)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    turned = gaussian_distance(zero, turn @ a @ turn.T, zero, turn @ b @ turn.T)
    assert turned == pytest.approx(6.0)


def test_the_frechet_distance_agrees_with_the_matrix_square_root() -> None:
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    a = rng.standard_normal((60, 5)) @ rng.standard_normal((5, 5))
    b = rng.standard_normal((80, 5)) @ rng.standard_normal((5, 5)) + 0.3
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    wanted = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    assert frechet_distance(a, b) == pytest.approx(wanted, rel=1e-6)


def test_the_frechet_distance_of_sets() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((400, 4))
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a, a[::-1]) == pytest.approx(0.0, abs=1e-9)
    alike = frechet_distance(a, rng.standard_normal((400, 4)))
    collapsed = frechet_distance(a, 0.1 * rng.standard_normal((400, 4)))
    assert 0.0 < alike < 0.15 < 2.0 < collapsed
    with pytest.raises(ValueError, match="allowed"):
        frechet_distance(a, a[:, :3])
    with pytest.raises(ValueError, match="allowed"):
        frechet_distance(a, a[:1])


def test_intervals_of_rates() -> None:
    # 81 of 263: example of Newcombe 1998, Statistics in Medicine 17, table I
    low, high = wilson(81 / 263, 263)
    assert (low, high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert wilson(0.0, 20) == (0.0, pytest.approx(0.1611, abs=1e-4))
    assert wilson(1.0, 20) == (pytest.approx(0.8389, abs=1e-4), 1.0)
    with pytest.raises(ValueError, match="allowed"):
        wilson(1.2, 10)
    with pytest.raises(ValueError, match="allowed"):
        wilson(0.5, 0)


def test_scores_of_a_perfect_and_of_a_blind_reader() -> None:
    c = np.stack([embed(scene_number(HELD_OUT_SEED, k)) for k in range(400)])
    truth = Reading(
        c[:, :8].argmax(axis=1),
        np.arctan2(c[:, 9], c[:, 8]).astype(float) / (2 * np.pi) % 1.0,
        c[:, 10:12].astype(float),
        c[:, 12].astype(float),
        c[:, 13].astype(float),
    )
    perfect = score(truth, c)
    assert (perfect.accuracy, perfect.n) == (1.0, 400)
    assert perfect.shuffled == pytest.approx(0.125, abs=0.06)
    assert (perfect.hue, perfect.place, perfect.size, perfect.tilt) == pytest.approx(
        (0, 0, 0, 0), abs=1e-6
    )
    none = np.zeros(400)
    blind = score(Reading(none.astype(int), none + 0.5, np.zeros((400, 2)), none, none), c)
    assert blind.accuracy == pytest.approx(0.125, abs=0.06)
    assert blind.hue == pytest.approx(0.25, abs=0.04)
    assert blind.size == pytest.approx(0.075, abs=0.01)  # of sizes from 0.5 to 0.8
    assert blind.tilt == pytest.approx(14.3, abs=2.0)  # of tilts up to 0.5 rad
    other = chance(truth, c)
    assert other.accuracy == pytest.approx(0.125, abs=0.06)
    assert other.hue == pytest.approx(0.25, abs=0.04)


def test_errors_and_sharpness_of_pictures() -> None:
    flat = np.full((2, 8, 8, 3), 100, np.uint8)
    striped = flat.copy()
    striped[:, :, ::2] += 10
    assert psnr_db(flat, flat) == float("inf")
    assert psnr_db(flat, flat + np.uint8(255 - 100)) == pytest.approx(
        10 * np.log10(255**2 / 155**2)
    )
    assert sharpness(flat) == 0.0
    assert sharpness(striped) == pytest.approx(10.0)


def test_diversity_of_one_picture_and_of_many() -> None:
    rng = np.random.default_rng(0)
    square = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert pair_distance(square) == pytest.approx(5.0)
    assert pair_distance(square[:1]) == 0.0
    pictures = rng.integers(0, 256, (4, 8, 8, 3)).astype(np.uint8)
    same = np.repeat(pictures[:1], 4, axis=0)
    assert pixel_distance(same) == 0.0
    assert pixel_distance(np.stack([same[0] * 0, same[0] * 0 + 30])) == pytest.approx(30.0)
    spread = rng.standard_normal((4, 6))
    styles, one = np.array([0, 3, 5, 3]), np.zeros(4, np.int64)
    shown = np.array([0, 7])  # a face and a scrambled picture
    many = diversity([pictures] * 2, [spread] * 2, [styles, one], shown, pair_distance(spread))
    assert many.features == pytest.approx(1.0)
    assert many.styles == 3  # the scrambled picture has none
    none = diversity([same] * 2, [spread[:1].repeat(4, 0)] * 2, [one, one], shown, 1.0)
    assert none == (0.0, 0.0, 1.0)
    assert expected_distinct(1) == pytest.approx(1.0)
    draws = rng.integers(0, 6, (4000, 8))
    counted = np.mean([len(set(row)) for row in draws.tolist()])
    assert expected_distinct(8) == pytest.approx(counted, abs=0.05)


def test_held_out_scenes_and_their_siblings() -> None:
    held = held_out(6, 64)
    scene = scene_number(HELD_OUT_SEED, 5)
    np.testing.assert_array_equal(held.c[5], embed(scene))
    assert (held.pictures.shape, held.z.shape) == ((6, 64, 64, 3), (6, 4, 16, 16))
    rough = corrupted(held)
    assert not np.allclose(rough.z, held.z)
    np.testing.assert_array_equal(rough.c, corrupted(held).c)
    family = siblings(5, 6, 64)
    assert len(np.unique(family.reshape(6, -1), axis=0)) > 1
    # they differ in what c leaves open only: their mean colour stays, their place stays
    assert np.abs(family.mean(axis=(1, 2)) - held.pictures[5].mean(axis=(0, 1))).max() < 25
    drawn = in_every_style(5)
    np.testing.assert_array_equal(drawn[scene.style], held.pictures[5])
    large = siblings(5, 6, 128)  # the same styles, read off other sizes
    np.testing.assert_array_equal(nearest(large, drawn), nearest(family, drawn))
    np.testing.assert_array_equal(nearest(drawn[::-1], drawn), np.arange(6)[::-1])
    numbers = one_of_each(8)
    assert sorted(scene_number(HELD_OUT_SEED, k).category for k in numbers) == sorted(
        {scene_number(HELD_OUT_SEED, k).category for k in numbers}
    )
    told = told_c(numbers, 3)
    assert told.c.shape == (24, 17)
    np.testing.assert_array_equal(told.c[0], told.c[2])


def test_judges_read_pictures_of_their_size_and_larger() -> None:
    torch.manual_seed(0)
    for side in (64, 128):
        judge = Judge(side).eval()
        pictures = np.random.default_rng(0).integers(0, 256, (3, 2 * side, 2 * side, 3))
        read = judged(judge, pictures.astype(np.uint8))
        assert (read.category.shape, read.place.shape, read.tilt.shape) == ((3,), (3, 2), (3,))
        assert features(judge, pictures.astype(np.uint8)).shape == (3, 64)
    block = np.zeros((1, 128, 128, 3), np.uint8)
    block[:, ::2] = 255  # every pixel of 64 covers two of 0 and two of 255
    torch.testing.assert_close(seen(block, 64), torch.zeros(1, 3, 64, 64))
    with pytest.raises(ValueError, match="allowed"):
        seen(block, 60)


def row(name: str, conditions: str, steps: str, accuracy: float) -> Row:
    figures = Score(accuracy, 0.12, 0.02, 0.05, 0.01, 2.0, 400)
    return Row(name, conditions, steps, figures, accuracy, 12.3, 25.0, 6.5)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_tables_have_one_cell_for_every_column() -> None:
    rows = [row("originals", "-", "-", 1.0), row("c", "clean", "4", 0.9)]
    for small_px in (None, 64):
        lines = page.quality_table(rows, rows[0].score, small_px)
        assert len({len(cells(line)) for line in lines}) == 1
        assert len(lines) == 2 + 1 + 2
    last = dict(zip(cells(lines[0]), cells(lines[-1]), strict=True))
    assert last["category (95 %)"] == "0.900 (0.867-0.926)"
    assert (last["Fréchet"], last["at 64 px"], last["n"]) == ("12.3", "0.900", "400")


def test_what_is_asked_for_is_said_to_be_reached_or_missed() -> None:
    rows = [
        row("c", "clean", "1", 0.96),
        row("c", "clean", "2", 0.5),  # nothing is asked of two steps
        row("c", "clean", "4", 0.97),
        row("c", "as decoded", "1", 0.6),
        row("c, guidance 2", "clean", "4", 0.6),
    ]
    lines = page.reached(rows)
    assert [cells(line)[-1] for line in lines[2:]] == ["reached", "**missed**"]


def test_a_run_replaces_only_its_own_section(tmp_path: Path) -> None:
    old = page.with_section(
        "# anything before\n", "world-64", ["## world-64", "", "earlier figures"]
    )
    both = page.with_section(old, "world-256", ["## world-256", "", "large ones"])
    assert both.index("large ones") < both.index("earlier")
    assert "anything before" not in both
    assert both.startswith("# Quality")
    new = page.with_section(both, "world-64", ["## world-64", "", "later figures"])
    assert "earlier figures" not in new
    assert new.count("## world-64") == new.count("## world-256") == 1
    assert page.with_section(new, "world-64", ["## world-64", "", "later figures"]) == new
    noted = page.with_section("<!-- notes -->\nlooked at\n<!-- end -->", "world-64", ["figures"])
    assert noted.index("# Quality") < noted.index("looked at") < noted.index("figures")
    assert "(images/x.png)" in page.picture(tmp_path / "images" / "x.png", tmp_path / "page.md")


def test_the_sheet_names_its_rows(tmp_path: Path) -> None:
    pictures: npt.NDArray[np.uint8] = np.full((2, 64, 64, 3), 200, np.uint8)
    file = tmp_path / "sheets" / "sheet.png"
    save_sheet([("originals", pictures), ("c, 4 steps", pictures // 2)], file, cell_px=32)
    with Image.open(file) as image:
        sheet = np.asarray(image)
    assert sheet.shape == (64, MARGIN_PX + 64, 3)
    assert (sheet[:32, MARGIN_PX:] == 200).all()
    assert (sheet[32:, MARGIN_PX:] == 100).all()
    assert sheet[:, :MARGIN_PX].min() < 100  # there is writing
    with pytest.raises(ValueError, match="same length"):
        save_sheet([("a", pictures), ("b", pictures[:1])], file)


def test_nets_that_were_kept_are_taken_again(tmp_path: Path) -> None:
    def trained(side_px: int) -> Judge:
        torch.manual_seed(3)
        net = Judge(side_px)
        channels_last(net)  # as training leaves it
        return net.eval()

    def never(side_px: int) -> Judge:
        raise AssertionError("trained again")

    first = readers.kept_net("judge", 64, trained, tmp_path)
    again = readers.kept_net("judge", 64, never, tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    np.testing.assert_allclose(features(first, pictures), features(again, pictures), atol=1e-5)
    with pytest.raises(AssertionError, match="trained again"):
        readers.kept_net("judge", 64, never, None)
    assert [readers.side_for(px) for px in (64, 128, 256)] == [64, 64, 128]

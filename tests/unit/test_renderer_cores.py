from __future__ import annotations

import os
import threading

import pytest

from phosphene.errors import ConfigError
from phosphene.session import RendererSettings
from renderer.cores import Cores
from renderer.wishes import needs_loading, wished, worded

needs_linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")


@needs_linux
def test_all_threads_keep_to_the_cores_and_get_them_back() -> None:
    cores, over = Cores(), threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    one = min(cores.allowed)
    try:
        assert other.native_id is not None
        cores.keep_to([one, one])
        assert os.sched_getaffinity(0) == {one}
        assert os.sched_getaffinity(other.native_id) == {one}
        cores.keep_to(None)
        assert os.sched_getaffinity(0) == cores.allowed
        assert os.sched_getaffinity(other.native_id) == cores.allowed
    finally:
        cores.keep_to(None)
        over.set()
        other.join()


@needs_linux
@pytest.mark.parametrize("wanted", [[], [1023], [0, 1023]])
def test_cores_that_are_not_there_are_refused(wanted: list[int]) -> None:
    cores = Cores()
    with pytest.raises(ConfigError, match=r"renderer\.cores"):
        cores.keep_to(wanted)
    assert os.sched_getaffinity(0) == cores.allowed


def test_a_system_that_cannot_pin_says_so() -> None:
    cores = Cores()
    cores.allowed = frozenset()
    with pytest.raises(ConfigError, match="does not pin"):
        cores.keep_to([0])
    cores.keep_to(None)


def test_settings_go_to_text_and_back() -> None:
    settings = RendererSettings(cores=(0, 2), size_px=128, path="slerp", noise_s=0.0)
    text = worded(settings)
    assert "cores=0,2" in text
    assert "large" not in text
    pairs = dict(pair.split("=") for pair in text.split(", "))
    assert wished(RendererSettings(), pairs) == settings
    assert "cores=none" in worded(RendererSettings())


def test_none_and_lists_are_understood() -> None:
    settings = RendererSettings(cores=(0,), size_px=128)
    changed = wished(settings, {"cores": "none", "size_px": "None"})
    assert (changed.cores, changed.size_px) == (None, None)
    assert wished(settings, {"cores": " 0, 1 "}).cores == (0, 1)
    assert wished(settings, {"cores": "(0,1)"}).cores == (0, 1)
    for name, value in (("cores", "a,b"), ("cores", "-1"), ("fps", "none"), ("nothing", "1")):
        with pytest.raises(ConfigError, match=name):
            wished(settings, {name: value})


def test_settings_of_large_models_are_named_with_a_point_and_go_with_the_model() -> None:
    large = wished(RendererSettings(), {"model": "diffusers:x", "large.stream_batch": "true"})
    assert large.large.stream_batch
    assert "large.stream_batch=true" in worded(large)
    assert wished(large, {"large.lora": "y"}).large.stream_batch
    assert not wished(large, {"model": "world-64"}).large.stream_batch
    with pytest.raises(ConfigError, match="large"):
        wished(RendererSettings(), {"large.lora": "y"})


@pytest.mark.parametrize(
    ("change", "loads"),
    [({"model": "world-256"}, True), ({"threads": 2}, True), ({"steps": 4}, False)],
)
def test_what_another_painter_is_needed_for(change: dict[str, object], loads: bool) -> None:
    old = RendererSettings(model="world-64")
    assert needs_loading(old, old.model_copy(update=change)) is loads

"""Starts the acquisition node: bundle, settings, inlets, and the wait for the decoder."""

from __future__ import annotations

import gc
import logging
import time
from importlib import import_module

from acquisition.eeg_settings import not_used
from acquisition.left_out import no_epochs
from acquisition.lsl.config import configure_lsl
from acquisition.node import AcquisitionNode
from acquisition.settings import settings_of
from acquisition.streams import lsl_config
from phosphene.bundle import Bundle
from phosphene.errors import BundleError, InputError, NodeError
from phosphene.live_bundle import live_bundle
from phosphene.node import NodeContext
from phosphene.plan import Plan

__all__ = ["READY_TIMEOUT_S", "build", "load"]

READY_TIMEOUT_S = 60.0
_LOG = logging.getLogger("acquisition")


def _load(context: NodeContext) -> tuple[Bundle | None, str]:
    """Return the bundle, or why it cannot be used: quality control goes on without it."""
    try:
        return live_bundle(context.plan.session), ""
    except BundleError as error:
        _LOG.error("%s", error)
        return None, f"quality control only: {error}"


def _no_epochs(plan: Plan, bundle: Bundle | None) -> str:
    source, settings = plan.session.source, settings_of(plan.session.acquisition, bundle)
    return no_epochs(settings.eeg.mode, source.kind, source.source_ids, bundle)


def load(plan: Plan) -> None:
    """Import what EEG needs and volumes do not: half a second, more on a busy machine."""
    if plan.session.modality == "eeg":
        import_module("acquisition.eeg_chain")


def build(context: NodeContext) -> AcquisitionNode:
    """Load the bundle, start listening, and wait until the decoder listens too.

    Raises
    ------
    NodeError
        If the decoder does not come.
    """
    plan = context.plan
    configure_lsl(lsl_config(plan))
    bundle, trouble = _load(context)
    context.beat({}, force=True)
    try:
        told = "; ".join(filter(None, [trouble, _no_epochs(plan, bundle)]))
        if ignored := not_used(plan.session.acquisition, bundle):
            context.tell(ignored)
        node = AcquisitionNode(context, bundle, told)
    except (BundleError, InputError) as error:
        raise NodeError(f"acquisition cannot start: {error}") from error
    node.prepare()
    # What is loaded by now stays: looking through it for waste would hold data up for milliseconds.
    gc.collect()
    gc.freeze()
    if "decoder" not in plan.nodes:
        return node
    patience_s = plan.patience_s("decoder", READY_TIMEOUT_S)
    deadline_s = time.monotonic() + patience_s
    while context.beat(node.counts()):
        # The gate listens too where there is a window: what the decoder misses is lost.
        if node.out.subscribers(b"features") > int(plan.gate_hears_features):
            break
        if time.monotonic() > deadline_s:
            node.close()
            raise NodeError(f"acquisition: no sign of the decoder in {patience_s:.0f} s")
        node.out.socket.poll(20)
    return node

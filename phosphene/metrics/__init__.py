"""Cores of every measured accuracy: correlations, identification, AUC, and what stands beside.

Arrays in, arrays out. The decoder's metrics, the evaluation and the report of a run use these.
"""

from phosphene.metrics.identify import BLIND, label_chance, n_way, n_way_chance, two_way
from phosphene.metrics.ranks import auc, row_correlations, top_share
from phosphene.metrics.scored import Scored, bootstrap, interval, scored, scored_auc

__all__ = [
    "BLIND",
    "Scored",
    "auc",
    "bootstrap",
    "interval",
    "label_chance",
    "n_way",
    "n_way_chance",
    "row_correlations",
    "scored",
    "scored_auc",
    "top_share",
    "two_way",
]

"""Metrics of decoding and reconstruction, one value per item so that intervals can be made.

Every function takes what was decoded and what was true, row by row, and gives one number per row
(or per pair); `decoder.scoring` and `decoder.evaluation` put chance, a shuffled control and an
interval beside the mean.
"""

from decoder.metrics.classes import judged_top_k, strict_top_k
from decoder.metrics.consistency import consecutive_correlation
from decoder.metrics.pixels import mse, pix_corr, psnr
from decoder.metrics.structure import ssim, ssim_grey
from decoder.metrics.vectors import auc, correct, n_way_top1, retrieval, row_correlations, two_way

__all__ = [
    "auc",
    "consecutive_correlation",
    "correct",
    "judged_top_k",
    "mse",
    "n_way_top1",
    "pix_corr",
    "psnr",
    "retrieval",
    "row_correlations",
    "ssim",
    "ssim_grey",
    "strict_top_k",
    "two_way",
]

"""What a reader did not foresee is damage to one file, never the end of the source."""

from __future__ import annotations

from phosphene.errors import InputError, problem

__all__ = ["damaged"]


def damaged(error: Exception) -> InputError:
    """Word an error that no reader has a word for.

    Only its type is told: its text may quote what stands in the file.

    Parameters
    ----------
    error : Exception
        What the reader, or a library that it uses, raised.

    Returns
    -------
    InputError
        To be counted as damaged.
    """
    return InputError(
        problem("contents", f"what cannot be read ({type(error).__name__})",
                "a file or message as its format says", "Check the export or the sender.")
    )  # fmt: skip

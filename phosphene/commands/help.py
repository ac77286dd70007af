"""How the help of a command tells defaults: each once, and only where there is one."""

from __future__ import annotations

import argparse
import re

__all__ = ["DefaultsOnce"]

_TELLS = re.compile(r"\bdefaults?\b")


class DefaultsOnce(argparse.HelpFormatter):
    """Adds the default of an option to its help, unless that tells it itself or it is none."""

    def _get_help_string(self, action: argparse.Action) -> str:
        told, default = action.help or "", action.default
        if not isinstance(default, str | int | float | tuple | list) and default is not None:
            default = str(default)  # a path
        empty = default is None or isinstance(default, bool) or default in ("", (), [], "{}")
        if empty or default == argparse.SUPPRESS or _TELLS.search(told):
            return told
        return f"{told} (default: %(default)s)"

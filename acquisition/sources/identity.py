"""What is left of an identifier once it has entered; see `phosphene.identity`."""

from phosphene.identity import keyed_hash, new_key, public_name

__all__ = ["keyed_hash", "new_key", "public_name"]

"""Recordings out in formats of others, as far as the person's consent goes."""

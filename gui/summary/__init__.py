"""After the run: what it came to, what becomes of it, and what leaves the room."""

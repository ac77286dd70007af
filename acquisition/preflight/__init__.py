"""The check before a session starts: LSL streams that it names, and those that answer."""

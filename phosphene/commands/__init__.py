"""The commands of ``phosphene``, one module each."""

"""Sealing: recordings that only the data steward's key opens, and a log that shows tampering.

``keys``, ``header`` and ``chunks`` are the format; ``writer`` and ``reader`` are files of it;
``verify`` judges them, with a key or without; ``retention`` says when they are to be erased.
"""

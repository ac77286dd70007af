"""Neurofeedback: protocols of blocks, scores, sham control and blinding.

``protocol`` says what happens when; ``scores`` measure; ``shaping`` makes a number from 0 to 1 of a
measurement; ``loop`` puts them together; ``donor`` and ``blinding`` are the control; ``desk`` is
what the gate calls. All but ``desk`` are pure cores: data in, values out, time injected.
"""

"""Renderer: turns a stream of percepts into pictures at an even frame rate."""

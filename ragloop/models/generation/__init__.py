"""Generators: a prompt to an answer."""

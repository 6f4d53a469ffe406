"""Answers that a person looks at, as a file: the most informative first, and what the person said of them back in."""

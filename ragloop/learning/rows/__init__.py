"""Rows of a dataset that name passages: held against the index, cited, and mixed for a recipe."""

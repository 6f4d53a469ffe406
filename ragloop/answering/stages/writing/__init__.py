"""The answer: an earlier one, or one that is written and checked against its passages."""

"""The parts of benchmarks/year.py: a year of questions over pages that change every week, answered by four policies."""

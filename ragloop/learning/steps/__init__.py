"""The steps of a retraining, one function each: dataset → train (or merge) → evaluate → judge → promote.

A step takes the parts that it works on and the ids that the step before it returned.
"""

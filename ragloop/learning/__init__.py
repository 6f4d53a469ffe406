"""From logged answers to adapters that earn their place: measure drift, decide on training, curate, split, score, gate.

The deciding modules (drift, cadence, curation, scoring, near-duplicates, splitting, measures, gate) are pure: values
in, a frozen record out. The steps of a retraining are in steps/; they read and write the store and the artifacts.
"""

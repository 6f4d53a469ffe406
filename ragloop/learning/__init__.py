"""From logged answers to adapters that earn their place: measure drift, decide on training, curate, split, score, gate.

The deciding modules (drift, cadence, curation, scoring, wording, gate) are pure: values in, a frozen record out. Only
datasets reads and writes files.
"""

"""Where documents come from: one file per kind of source, and the Protocol that each obeys."""

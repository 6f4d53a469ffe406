"""Files only: ragloop finds the export in `model` by the name of this distribution."""

"""ragloop keeps a RAG index true to its sources and turns its traffic into LoRA adapters that earn their place.

Importing this package loads nothing heavy; the rooms below it import what they need.
"""

import os

# An update of the vectors' index may split its partitions; LanceDB then warns of each that older parts do not have.
os.environ.setdefault("LANCEDB_LOG", "warn,lance::index::vector=error")

__version__ = "0.1.0"

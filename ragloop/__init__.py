"""ragloop keeps a RAG index true to its sources and turns its traffic into LoRA adapters that earn their place.

Importing this package loads nothing heavy; the rooms below it import what they need.
"""

__version__ = "0.1.0"

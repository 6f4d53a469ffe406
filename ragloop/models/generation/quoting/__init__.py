"""What an extractive answer may quote: the layout of a passage, its units, and how they are written down."""

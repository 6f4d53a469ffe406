"""Grids of cells: which cells form a table, and which of its rows name the columns. Pure."""

"""The routes, a file per area."""

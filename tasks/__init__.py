"""Prefect tasks: thin adapters that call the core, report what it did, and try again where that may help."""

"""The overview of a home, an artifact on its Prefect server."""

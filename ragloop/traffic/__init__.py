"""The traffic of services that others run: read what they wrote, tie its passages to documents, and log it."""

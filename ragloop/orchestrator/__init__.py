"""Prefect on this machine: server, worker, deployments, automations, and what is reported to it."""

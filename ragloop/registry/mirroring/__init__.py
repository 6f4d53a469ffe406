"""The mirror of a registry: the adapters that it keeps, in MLflow or in a folder that PEFT loads.

    plan.py            what the mirror has to hold, what it holds, and what is to be done about it
    mirror.py          what a mirror can do
    folder_mirror.py   a folder or a bucket
    mlflow_mirror.py   the model registry of MLflow
    mlflow_server.py   a server of MLflow, which trainings report to as well
    noted.py           what the home notes of its mirrors
    reconciling.py     one run: look, plan, add, move aliases, remove

A mirror is made equal to the registry by each run, and never read back.
"""

"""Put the Prefect side of ragloop into the wheel as files of the package.

The repository keeps `flows`, `tasks` and `prefect.yaml` at its top. Under these names they would stand in site-packages
beside the packages of others, so the wheel has them in `ragloop/project`, which ragloop.orchestrator.project finds.
"""

from pathlib import Path
from shutil import copy2, copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py

PROJECT = ("flows", "tasks", "prefect.yaml")


class BuildWithProject(build_py):
    """Copies the project beside the package; an editable install has it already."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib) / "ragloop" / "project"
        folder.mkdir(parents=True, exist_ok=True)
        for name in PROJECT:
            if Path(name).is_dir():
                copytree(name, folder / name, ignore=ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                copy2(name, folder / name)


setup(cmdclass={"build_py": BuildWithProject})

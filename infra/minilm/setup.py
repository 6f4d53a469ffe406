"""Put the export of the default embedder into the wheel: that of the cache, or made now with torch."""

import json
from importlib.metadata import version
from pathlib import Path
from shutil import copytree

from setuptools import setup
from setuptools.command.build_py import build_py

from ragloop.models.cache import MANIFEST, damaged_files, default_cache
from ragloop.models.embedding.runtimes import DEFAULT_EMBEDDER, PACKAGED, exported


class BuildWithExport(build_py):
    """Copies the export beside the package, without the path that it was made from."""

    def run(self) -> None:
        super().run()
        made = exported(DEFAULT_EMBEDDER, default_cache())
        if damaged := damaged_files(made):
            raise SystemExit(
                f"{made} is damaged ({', '.join(damaged)}); run `ragloop doctor --repair`, then build again"
            )
        folder = Path(self.build_lib) / "ragloop_minilm" / "model"
        copytree(made, folder, dirs_exist_ok=True)
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        source = PACKAGED[DEFAULT_EMBEDDER]
        manifest["origin"] = f"{source} {version(source)}"
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


setup(cmdclass={"build_py": BuildWithExport})

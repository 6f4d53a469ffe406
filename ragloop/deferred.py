"""Import the REST client of Lance's namespaces when something uses it, which nothing here does.

`import lancedb` imports `lance_namespace_urllib3_client`, 166 generated modules, for the names of classes that stand in
annotations; that is more than half of what every command of ragloop costs (docs/decisions/0017-deferred-import.md).
Until a class is used, a stand-in has its name. The first use imports the package as it is.

Before Python 3.12, LanceDB has its methods checked by the package `overrides`, which looks into the annotations. From
3.12 on LanceDB marks them and checks nothing; here it does so on every version.
"""

import sys
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from threading import RLock
from types import ModuleType, new_class
from typing import Any

PACKAGE = "lance_namespace_urllib3_client"


class _StandIn(type):
    """The type of classes that stand in for those of the package by their module and name."""

    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> Any:
        if not bases:
            return super().__new__(cls, name, bases, space)
        return new_class(name, tuple(map(_real, bases)), exec_body=lambda made: made.update(space))

    def __call__(cls, *given: Any, **named: Any) -> Any:
        return _real(cls)(*given, **named)

    def __getattr__(cls, name: str) -> Any:
        return getattr(_real(cls), name)

    def __instancecheck__(cls, one: Any) -> bool:
        return isinstance(one, _real(cls))

    def __subclasscheck__(cls, one: type) -> bool:
        return issubclass(one, _real(cls))


class _Unchecked(SourceFileLoader):
    """Loads LanceDB with what it takes for `overrides` from Python 3.12 on."""

    def exec_module(self, module: ModuleType) -> None:
        unchecked = ModuleType("overrides")
        vars(unchecked).update(override=lambda method: method, EnforceOverrides=type("EnforceOverrides", (), {}))
        before = sys.modules.get("overrides")
        sys.modules["overrides"] = unchecked
        try:
            super().exec_module(module)
        finally:
            del sys.modules["overrides"]
            if before is not None:
                sys.modules["overrides"] = before


class _Deferral:
    """Finds the modules of the package, and loads them without running them."""

    def __init__(self) -> None:
        self._lock = RLock()

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "lancedb" and sys.version_info < (3, 12):
            return _unchecked(PathFinder.find_spec(name))
        if name.partition(".")[0] != PACKAGE or (name == PACKAGE and PathFinder.find_spec(name) is None):
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]  # a loader needs only these two

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to the import system."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__getattr__"] = partial(self._attribute, module.__name__)

    def _attribute(self, module: str, name: str) -> Any:
        """Return a stand-in for what is named as a class, while the package is not imported; else what is there."""
        if self in sys.meta_path and name[:1].isupper():
            return _StandIn(name, (), {"__module__": module})
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(self.imported(module), name)

    def imported(self, module: str) -> ModuleType:
        """Import a module of the package as it is."""
        with self._lock:
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                for name in [one for one in sys.modules if one.partition(".")[0] == PACKAGE]:
                    del sys.modules[name]
            return import_module(module)


def _unchecked(spec: ModuleSpec | None) -> ModuleSpec | None:
    if spec is not None and isinstance(spec.loader, SourceFileLoader):
        spec.loader = _Unchecked(spec.loader.name, spec.loader.path)
    return spec


_DEFERRAL = _Deferral()


def _real(one: type) -> Any:
    """Return the class that a stand-in stands for; any other class as it is."""
    return getattr(_DEFERRAL.imported(one.__module__), one.__name__) if isinstance(one, _StandIn) else one


def defer() -> None:
    """Import the package only when it is used, unless it is imported already."""
    if PACKAGE not in sys.modules and _DEFERRAL not in sys.meta_path:
        sys.meta_path.insert(0, _DEFERRAL)

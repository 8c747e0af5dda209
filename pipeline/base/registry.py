"""One registry for each seam. A new file registers itself; a duplicate raises; a plug-in without its package stays listed."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from pipeline.base.errors import PluginError

T = TypeVar("T")
Plugin = TypeVar("Plugin")
# Packages that are imported under another name than they are installed.
_DISTRIBUTIONS = {"open_clip": "open-clip-torch"}


class Registry(Generic[T]):
    """Plug-ins of one seam by name.

    Args:
        seam: what is registered, in the singular ("labeler"); third parties use the entry-point group `cxr_curator.<seam>`.
        package: the package whose modules register themselves when imported.
    """

    def __init__(self, seam: str, package: str) -> None:
        self.seam = seam
        self.package = package
        self._items: dict[str, T] = {}
        self._needs: dict[str, tuple[str, ...]] = {}
        self._loaded = False

    def add(self, name: str, *, needs: tuple[str, ...] = ()) -> Callable[[Plugin], Plugin]:
        """Register the decorated plug-in: a function as it is, a class as one instance of it.

        Args:
            name: the name users write in settings and on the command line.
            needs: importable packages without which the plug-in cannot run.

        Raises:
            PluginError: the name is taken by another plug-in.
        """

        def register(item: Plugin) -> Plugin:
            taken = self._items.get(name)
            if taken is not None and _origin(taken) != _origin(item):
                raise PluginError(
                    f"two {self.seam}s are called {name!r}: {_origin(taken)} and {_origin(item)}",
                    "rename one of them; a registered name is never overwritten",
                )
            self._items[name] = item() if isinstance(item, type) else cast(T, item)
            self._needs[name] = needs
            return item

        return register

    def names(self) -> list[str]:
        """Every registered name, sorted."""
        self._load()
        return sorted(self._items)

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter((name, self._items[name]) for name in self.names())

    def needs(self, name: str) -> tuple[str, ...]:
        """Packages without which the plug-in cannot run."""
        self._load()
        return self._needs[name]

    def missing(self, name: str) -> list[str]:
        """Those of its packages that are not installed; empty when it can run."""
        return [package for package in self.needs(name) if importlib.util.find_spec(package) is None]

    def describe(self, name: str) -> str:
        """First sentence of the plug-in's docstring."""
        self._load()
        return (getattr(self._items[name], "__doc__", None) or "").strip().split("\n")[0]

    def get(self, name: str) -> T:
        """The plug-in called `name`.

        Raises:
            PluginError: no such plug-in, or a package it needs is not installed.
        """
        self._load()
        if name not in self._items:
            raise PluginError(f"no {self.seam} is called {name!r}", f"choose one of: {', '.join(self.names())}")
        if missing := self.missing(name):
            raise PluginError(
                f"the {self.seam} {name!r} needs {', '.join(missing)}, not installed here",
                f"pip install {' '.join(_DISTRIBUTIONS.get(package, package) for package in missing)}",
            )
        return self._items[name]

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self.package)
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self.package}.{module.name}")
        for entry in entry_points(group=f"cxr_curator.{self.seam}"):
            self.add(entry.name)(entry.load())


def _origin(item: object) -> str:
    """Where a plug-in was defined; an instance and its class answer alike."""
    return f"{getattr(item, '__module__', '?')}.{getattr(item, '__qualname__', type(item).__qualname__)}"

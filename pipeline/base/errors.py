"""Every error a user can meet: what was expected, what was found, and the next step. Messages carry no identifiers."""

from __future__ import annotations


class CxrError(Exception):
    """A problem the user can mend. `remedy` is the next step, shown on its own line.

    Args:
        message: what was expected and what was found.
        remedy: what to do next.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  -> {self.remedy}"

    def __reduce__(self) -> tuple[type[CxrError], tuple[str, str]]:
        return type(self), (self.message, self.remedy)


class ExportError(CxrError):
    """The export folder is missing, unreadable, or holds no DICOM."""


class HomeError(CxrError):
    """The home is missing, locked by another run, full, or not ours."""


class SettingsError(CxrError):
    """A setting is unknown or out of range."""


class TableError(CxrError):
    """A table breaks its contract in `pipeline.base.tables`."""


class PluginError(CxrError):
    """A plug-in is unknown, registered twice, or lacks a package."""


class InputError(CxrError):
    """A file the user gave (verdicts, labels, predictions) cannot be used."""

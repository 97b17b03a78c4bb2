"""Translation where Slicer is there, and the words as they are where the panel's state is tested without it."""

from __future__ import annotations

try:
    from slicer.i18n import tr
except ModuleNotFoundError:

    def tr(text: str, context: str | None = None) -> str:
        """The text itself."""
        del context
        return text

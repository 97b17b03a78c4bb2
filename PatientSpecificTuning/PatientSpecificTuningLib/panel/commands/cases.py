"""Commands on cases: which there are, how large, where they are kept, deleting one."""

from __future__ import annotations

from pathlib import Path

from slicer.i18n import tr as _

from ...engine.errors import InputError
from .. import case_folder
from ..situation import cases
from .export import ExportCommands


class CaseCommands(ExportCommands):
    """What the user can do with cases on disk."""

    def cases(self) -> list[cases.CaseEntry]:
        """All cases, newest first."""
        return cases.listCases(case_folder.casesFolder(), Path(self.state.caseFolder).name)

    def deleteCase(self, name: str) -> None:
        """Delete a case for good.

        Raises:
            InputError: something runs in it, or it cannot be deleted.
        """
        if name == Path(self.state.caseFolder).name and self.requests.running is not None:
            raise InputError(_("The worker uses this case; cancel first."))
        cases.deleteCase(case_folder.casesFolder(), name)
        self.changed()

    def casesFolder(self) -> str:
        """Where cases are kept."""
        return str(case_folder.casesFolder())

    def setCasesFolder(self, folder: str) -> None:
        """Keep cases elsewhere from now on; those of before stay where they are.

        Raises:
            InputError: there is no such folder and it cannot be made.
        """
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = _("{folder} cannot be made ({reason}); choose another folder.")
            raise InputError(message.format(folder=folder, reason=error.strerror)) from error
        case_folder.setCasesFolder(Path(folder))
        self.changed()

"""Commands that write what step 3 shows to a file of the user's choice."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from ...engine.errors import InputError
from ...engine.files.atomic import replace_when_complete
from ...engine.images.volumes import read_stored
from ...engine.images.volumes import write_volume
from ...engine.lesions.results import LESION_LABELS
from ..packages import ensureDicomPackages
from ..scene.result_nodes import OUTLINES
from ..scene.result_nodes import outlines
from ..situation.problems import PARTS
from ..situation.state import FOLLOWUP
from ..situation.state import LesionRow
from .align import AlignCommands
from .requirement import require

SUFFIXES = (".nii.gz", ".seg.nrrd", ".nrrd")


class ExportCommands(AlignCommands):
    """What the user can take along."""

    def exportTable(self, path: str) -> None:
        """Write the table of lesions and change as CSV.

        Raises:
            InputError: there is no result, or the file cannot be written.
        """
        require(self.state.canExport)
        file = _withSuffix(Path(path), (".csv",), ".csv")
        with _writing(file) as temporary:
            temporary.write_text(tableText(self.state.review.rows), encoding="utf-8", newline="")
        self.say(_("{file} is saved.").format(file=file))

    def exportLesions(self, path: str, suffix: str = "") -> None:
        """Write the lesions; .seg.nrrd keeps what they are, the others one label for each lesion.

        Args:
            suffix: added where the path has none of the known endings.

        Raises:
            InputError: there is no result, or the file cannot be written.
        """
        require(self.state.canExport)
        file = _withSuffix(Path(path), SUFFIXES, suffix or SUFFIXES[0])
        folder = self._resultFolder()
        with _writing(file) as temporary:
            if file.name.endswith(".seg.nrrd"):
                self._exportSegmentation(folder, temporary)
            elif file.name.endswith(".nii.gz"):
                shutil.copyfile(folder / LESION_LABELS, temporary)
            else:
                write_volume(read_stored(folder / LESION_LABELS), temporary)
        self.say(_("{file} is saved.").format(file=file))

    def exportReport(self, path: str) -> None:
        """Write the report of the shown version, one HTML file.

        Raises:
            InputError: there is no result, or something runs.
        """
        require(self.state.canExport)
        file = _withSuffix(Path(path), (".html",), ".html")
        arguments = {"case": self.state.caseFolder, "number": self.state.review.shown, "output": str(file)}
        saved = _("{file} is saved.").format(file=file)
        self.requests.ask(_("Writing the report"), "report", arguments, lambda answer: self.say(saved))

    def exportDicom(self, folder: str) -> None:
        """Write lesions and measurements as DICOM objects that refer to the images of the follow-up.

        Raises:
            InputError: the follow-up did not come from Slicer's DICOM module, its images are gone from there, or a
                package is missing.
        """
        require(self.state.canExportDicom)
        instances = self.facts.images[f"{FOLLOWUP}{PARTS[0]}"].instances
        files = [slicer.dicomDatabase.fileForInstance(instance) for instance in instances]
        if not all(files):
            message = _(
                "Slicer's DICOM database no longer has all images of the follow-up; import them again."
            )
            raise InputError(message)
        ensureDicomPackages()
        arguments = {"case": self.state.caseFolder, "number": self.state.review.shown, "folder": folder}
        saved = _("The lesions and their measurements are saved as DICOM in {folder}.").format(folder=folder)
        self.requests.ask(
            _("Writing DICOM"), "export", arguments | {"images": files}, lambda answer: self.say(saved)
        )

    def _resultFolder(self) -> Path:
        return Path(self.state.caseFolder) / "results" / self.state.review.shown

    def _exportSegmentation(self, folder: Path, file: Path) -> None:
        title = next(v.title for v in self.state.review.versions if v.number == self.state.review.shown)
        node = outlines(folder, OUTLINES, title)
        # Slicer remembers the properties of the export before unless it is given some.
        if not slicer.util.exportNode(node, str(file), properties={}):
            raise InputError(_cannotWrite(file, _("Slicer could not write it")))


def tableText(rows: tuple[LesionRow, ...]) -> str:
    """The table as CSV: volumes in mm3, places in the follow-up and in the baseline in RAS mm."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    places = [f"{examination}_{axis}_mm" for examination in ("followup", "baseline") for axis in "RAS"]
    names = (
        "lesion",
        "change",
        "sure",
        "before_mm3",
        "after_mm3",
        "growth_percent",
        "softmax",
        "uncertainty",
    )
    writer.writerow([*names, *places])
    for row in rows:
        growth = None if row.growth is None else 100 * row.growth
        sure = "" if row.isSure is None else int(row.isSure)
        numbers = (row.beforeMm3, row.afterMm3, growth, row.probability, row.uncertainty)
        places = [*(row.followupPlace or (None,) * 3), *(row.baselinePlace or (None,) * 3)]
        writer.writerow([row.label, row.change, sure, *map(_cell, numbers), *map(_cell, places)])
    return text.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"


def _withSuffix(path: Path, known: tuple[str, ...], suffix: str) -> Path:
    return path if path.name.lower().endswith(known) else path.with_name(path.name + suffix)


@contextmanager
def _writing(file: Path) -> Iterator[Path]:
    """Yield a name for what takes the place of a file when it is complete; what a disk may answer is one sentence."""
    try:
        if not file.parent.is_dir():
            raise InputError(_cannotWrite(file, _("there is no such folder")))
        with replace_when_complete(file) as temporary:
            yield temporary
    except (OSError, RuntimeError) as error:
        raise InputError(_cannotWrite(file, getattr(error, "strerror", None) or str(error))) from error


def _cannotWrite(file: Path, reason: str) -> str:
    message = _("{file} cannot be written ({reason}); choose another place, or close programs that use it.")
    return message.format(file=file, reason=reason)

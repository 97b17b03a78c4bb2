"""What step 3 shows: versions of the result, the verdict in words, the table of lesions; pure Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .correct_state import belongingCorrections
from .correct_state import fingerprint
from .facts import Facts
from .facts import VersionFacts
from .lesion_rows import changeTitle
from .problems import LESIONS
from .scans_state import isPrepared
from .state import FOLLOWUP
from .state import Review
from .state import Version
from .words import tr as _

METRICS = ("dice", "avd", "hd95", "recall", "tpr", "fpc", "f1")


def shownVersion(versions: tuple[VersionFacts, ...], wanted: str) -> str:
    """The number of the version that is shown: the chosen one, the newest of a tuned CNN, or the base CNN's."""
    numbers = [version.number for version in versions]
    tuned = [version.number for version in versions if version.run.get("tuned") is not None]
    return next(iter([wanted] * (wanted in numbers) + tuned + numbers), "")


def comparedVersion(versions: tuple[VersionFacts, ...], shown: str, wanted: str) -> str:
    """The number of the version it is compared with: the chosen one, otherwise the base CNN's; empty without."""
    others = [version for version in versions if version.number != shown]
    base = [version.number for version in others if version.run.get("tuned") is None]
    return next(iter([v.number for v in others if v.number == wanted] + base), "")


def reviewOf(facts: Facts) -> Review:
    """Everything of step 3; empty unless the case is that of exactly these images."""
    if facts.case is None or not isPrepared(facts):
        return Review()
    versions = facts.case.versions
    shown = shownVersion(versions, facts.settings.result)
    if not shown:
        return Review()
    compared = comparedVersion(versions, shown, facts.settings.comparedResult)
    version = next(version for version in versions if version.number == shown)
    described = tuple(_version(facts, version) for version in versions)
    judged = next(version.judged for version in described if version.number == shown)
    overlays = {"outlines"} | ({"compared"} if compared else set()) | ({"detections"} if judged else set())
    return Review(
        versions=described,
        shown=shown,
        compared=compared,
        sentence=_sentence(version),
        judged=judged,
        rows=facts.case.lesions,
        selected=facts.selectedLesion
        if facts.selectedLesion in {row.key for row in facts.case.lesions}
        else "",
        overlays=frozenset(overlays | ({"uncertainty"} if _hasUncertainty(version) else set())),
        verdict=str(version.verdict.get("sentence", "")),
        registration=_registration(version),
    )


def _version(facts: Facts, version: VersionFacts) -> Version:
    tuned = version.run.get("tuned")
    corrections = belongingCorrections(facts)
    learned = None if corrections is None or tuned is None else corrections.learned.get(str(tuned))
    title = _("Base CNN") if tuned is None else _("Patient-specific CNN {number}").format(number=int(tuned))
    return Version(
        number=version.number,
        title=title,
        details=_details(version.tuning) if tuned is not None else _("not tuned"),
        lesions=int(version.run.get("lesions", 0)),
        volumeMl=float(version.run.get("volume_ml", 0.0)),
        isBase=tuned is None,
        hasUncertainty=_hasUncertainty(version),
        judged=_judged(facts, version),
        correctionsChanged=learned is not None
        and corrections is not None
        and fingerprint(corrections) != learned,
    )


def _hasUncertainty(version: VersionFacts) -> bool:
    return int(version.run.get("repetitions") or 0) > 0


def _details(tuning: Mapping[str, Any]) -> str:
    slices = len(tuning.get("slices") or ())
    if slices == 1:
        return _("learned from 1 corrected slice")
    return _("learned from {count} corrected slices").format(count=slices)


def _sentence(version: VersionFacts) -> str:
    text = _("{lesions} lesions, {volume:.1f} ml.").format(
        lesions=int(version.run.get("lesions", 0)), volume=float(version.run.get("volume_ml", 0.0))
    )
    if "sure_change" in version.run:
        changes = _counted(version.run["sure_change"])
        sure = _("Surely changed since the baseline: {changes}.").format(changes=changes)
        return f"{text} {sure if changes else _('Nothing changed surely since the baseline.')}"
    changes = _counted(version.run.get("change", {}))
    return f"{text} {_('Since the baseline: {changes}.').format(changes=changes)}" if changes else text


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {changeTitle(kind)}" for kind, count in counts.items() if count)


def _registration(version: VersionFacts) -> str:
    registration = version.run.get("registration")
    if not isinstance(registration, Mapping) or registration.get("good", True):
        return ""
    return str(registration.get("sentence", ""))


def _judged(facts: Facts, version: VersionFacts) -> str:
    """How a version agrees with the known lesions that are chosen now; empty for those of another choice."""
    known = facts.images.get(f"{FOLLOWUP}{LESIONS}")
    if known is None or not version.reference or version.reference != known.content:
        return ""
    values = [(name, version.evaluation.get(name)) for name in METRICS]
    parts = [_metric(name, float(value)) for name, value in values if value is not None]
    return _("Against the known lesions: {metrics}.").format(metrics=", ".join(parts))


def _metric(name: str, value: float) -> str:
    texts = {
        "dice": _("overlap (Dice) {value:.2f}"),
        "avd": _("volume differs by {value:.0f} %"),
        "hd95": _("surfaces differ by {value:.1f} mm"),
        "recall": _("{percent:.0f} % of the lesions found"),
        "tpr": _("{percent:.0f} % of the lesions found"),
        "fpc": _("{value:.0f} false lesions"),
        "f1": _("F1 {value:.2f}"),
    }
    return texts[name].format(value=value, percent=100 * value)

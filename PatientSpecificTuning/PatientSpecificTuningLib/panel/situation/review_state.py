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
from .provenance import provenanceOf
from .scans_state import isPrepared
from .state import FOLLOWUP
from .state import Review
from .state import Version
from .words import tr as _

KINDS = ("new", "grown", "shrunk", "vanished", "merged", "split", "stable")
METRICS = ("dice", "avd", "hd95", "recall", "tpr", "fpc", "f1")


def shownVersion(versions: tuple[VersionFacts, ...], wanted: str) -> str:
    """The number of the version that is shown: the chosen one, the newest tuned one that is not rejected, or the base."""
    numbers = [version.number for version in versions]
    tuned = [version.number for version in versions if _isTuned(version) and not _isRejected(version)]
    base = [version.number for version in versions if not _isTuned(version)]
    return next(iter([wanted] * (wanted in numbers) + tuned + base + numbers), "")


def comparedVersion(versions: tuple[VersionFacts, ...], shown: str, wanted: str) -> str:
    """The number of the version it is compared with: the chosen one, otherwise the base CNN's or the newest; empty without."""
    alignments = {version.number: version.run.get("given_transform") for version in versions}
    others = [version for version in versions if version.number != shown]
    # Those that were made with the same alignment first.
    others.sort(key=lambda version: alignments[version.number] != alignments.get(shown))
    base = [version.number for version in others if not _isTuned(version)]
    tuned = [version.number for version in others if _isTuned(version)]
    return next(iter([v.number for v in others if v.number == wanted] + base + tuned), "")


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
    hasDetections = bool(judged) and version.hasDetections
    overlays = (
        {"outlines"} | ({"compared"} if compared else set()) | ({"detections"} if hasDetections else set())
    )
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
        alignment=_alignment(version),
        isAligned=bool(_registration(version).get("good", True)),
        isAlignmentOld=_isAlignmentOld(facts.case.alignment, version),
        isAligning=facts.isAligning,
        provenance=provenanceOf(version, facts.case.workingGrid),
        **_judgement(versions, version),
    )


def _isTuned(version: VersionFacts) -> bool:
    return version.run.get("tuned") is not None


def _isRejected(version: VersionFacts) -> bool:
    return version.decision.get("choice") == "base"


def _judgement(versions: tuple[VersionFacts, ...], shown: VersionFacts) -> dict[str, str]:
    """Whether the shown tuned CNN helped, or the newest one while the base CNN is shown, and what was decided."""
    about = shown if _isTuned(shown) else next((v for v in versions if _isTuned(v)), None)
    if about is None:
        return {}
    known = about.verdict.get("known", False)
    return {
        "verdict": _verdict(about.verdict),
        "verdictDetails": str(about.verdict.get("sentence", "")),
        "recommended": str(about.verdict.get("recommended", "")) if known else "",
        "decidable": str(about.run["tuned"]),
        "decided": str(about.decision.get("choice", "")),
        "decision": _decision(about.decision),
    }


def _verdict(verdict: Mapping[str, Any]) -> str:
    """The figures of the tuned CNN, with those of the base CNN behind each; the engine's own sentence is longer."""
    base, tuned = verdict.get("base"), verdict.get("tuned")
    if not verdict.get("known") or not isinstance(base, Mapping) or not isinstance(tuned, Mapping):
        return str(verdict.get("sentence", ""))
    text = _(
        "On {count} unseen slices the patient-specific CNN finds {found} of {lesions} lesions"
        " (base CNN {foundBefore}), {false} false ({falseBefore}), overlap {dice} ({diceBefore})."
    )
    return text.format(
        count=len(verdict.get("slices") or ()),
        found=tuned.get("found"),
        lesions=base.get("lesions"),
        foundBefore=base.get("found"),
        false=tuned.get("false"),
        falseBefore=base.get("false"),
        dice=_share(tuned.get("dice")),
        diceBefore=_share(base.get("dice")),
    )


def _share(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.2f}"


def _decision(decision: Mapping[str, Any]) -> str:
    if not decision:
        return ""
    chosen = {
        "base": _("The base CNN is kept"),
        "tuned": _("The patient-specific CNN is used"),
    }.get(str(decision.get("choice")), "")
    day, by = str(decision.get("at", ""))[:10], str(decision.get("by", ""))
    who = f"{by}, {day}" if by else day
    return f"{chosen} ({who})."


def _version(facts: Facts, version: VersionFacts) -> Version:
    tuned = version.run.get("tuned")
    corrections = belongingCorrections(facts)
    learned = None if corrections is None or tuned is None else corrections.learned.get(str(tuned))
    title = _("Base CNN") if tuned is None else _("Patient-specific CNN {number}").format(number=int(tuned))
    if facts.case is not None and _isAlignmentOld(facts.case.alignment, version):
        title = _("{version}, other alignment").format(version=title)
    return Version(
        number=version.number,
        title=title,
        details=_details(version.tuning) if tuned is not None else _("not tuned"),
        lesions=int(version.run.get("lesions", 0)),
        volumeMl=float(version.run.get("volume_ml", 0.0)),
        isBase=tuned is None,
        tuned="" if tuned is None else str(tuned),
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
    text = _foundLesions(int(version.run.get("lesions", 0)), float(version.run.get("volume_ml", 0.0)))
    if "sure_change" in version.run:
        changes = _counted(version.run["sure_change"])
        sure = _("Surely changed since the baseline: {changes}.").format(changes=changes)
        return f"{text} {sure if changes else _('Nothing changed surely since the baseline.')}"
    changes = _counted(version.run.get("change", {}))
    return f"{text} {_('Since the baseline: {changes}.').format(changes=changes)}" if changes else text


def _foundLesions(count: int, volumeMl: float) -> str:
    if not count:
        return _("No lesion was found.")
    if count == 1:
        return _("1 lesion, {volume:.1f} ml.").format(volume=volumeMl)
    return _("{count} lesions, {volume:.1f} ml.").format(count=count, volume=volumeMl)


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[kind]} {changeTitle(kind)}" for kind in KINDS if counts.get(kind))


def _registration(version: VersionFacts) -> Mapping[str, Any]:
    found = version.run.get("registration")
    return found if isinstance(found, Mapping) else {}


def _alignment(version: VersionFacts) -> str:
    """How well the examinations lie on each other, in one line."""
    quality = _registration(version)
    overlap, edges = quality.get("organ_overlap"), quality.get("edge_distance_mm")
    if not quality:
        return ""
    if overlap is None or edges is None:
        return _("Alignment: the organs of both examinations do not meet; move the baseline by hand.")
    measured = _("organ overlap {overlap:.2f}, edges {edges:.1f} mm apart").format(
        overlap=overlap, edges=edges
    )
    by = _(", by hand") if version.run.get("given_transform") else ""
    if quality.get("good", True):
        return _("Alignment{by}: good ({measured}).").format(by=by, measured=measured)
    return _("Alignment{by}: poor ({measured}); look before you trust a change.").format(
        by=by, measured=measured
    )


def _isAlignmentOld(now: Mapping[str, Any], version: VersionFacts) -> bool:
    return bool(now) and now.get("given") != version.run.get("given_transform")


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

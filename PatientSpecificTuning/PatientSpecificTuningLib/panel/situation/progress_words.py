"""What the worker says while it works, as users read it; pure Python."""

from __future__ import annotations

import re

from .words import tr as _


def progressText(title: str, stage: str) -> str:
    """The running step and where it is.

    Args:
        title: of the step, such as "Preparing".
        stage: in the engine's words, such as "baseline: Computing features".
    """
    where, _colon, what = stage.rpartition(": ")
    examinations = {
        "baseline": _("baseline"),
        "followup": _("follow-up"),
        "both": _("baseline and follow-up"),
    }
    stages = {
        "Starting": "",
        "Computing features": _("the CNN looks at every slice"),
        "Finding lesions": _("finding lesions"),
        "Computing uncertainty": "",
        "Fine-tuning": _("learning from your slices"),
    }
    what = stages.get(what, re.sub(r"\bfollowup\b", _("follow-up"), what[:1].lower() + what[1:]))
    if what in title.casefold():
        what = ""
    parts = [part for part in (examinations.get(where, where), what) if part]
    return f"{title}: {', '.join(parts)}" if parts else title

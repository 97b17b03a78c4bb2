"""When the two examinations of a case were made, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from ..errors import InputError

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class ExaminationDates:
    """Dates of baseline and follow-up, None where a date is not known."""

    baseline: date | None = None
    followup: date | None = None

    @property
    def years(self) -> float | None:
        """Years from baseline to follow-up, None where a date is not known or both are the same day."""
        if self.baseline is None or self.followup is None:
            return None
        return (self.followup - self.baseline).days / DAYS_PER_YEAR or None

    def as_dict(self) -> dict[str, Any]:
        """ISO dates and years as JSON values."""
        dates = {"baseline": self.baseline, "followup": self.followup}
        return {**{name: d and d.isoformat() for name, d in dates.items()}, "years": self.years}

    def in_order(self) -> ExaminationDates:
        """The dates themselves.

        Raises:
            InputError: the baseline was made after the follow-up.
        """
        if self.baseline is not None and self.followup is not None and self.baseline > self.followup:
            message = (
                f"The baseline ({self.baseline.isoformat()}) was made after the follow-up"
                f" ({self.followup.isoformat()}); exchange the examinations or correct the dates."
            )
            raise InputError(message)
        return self


def parse_date(text: str | None, name: str) -> date | None:
    """A date written as 2020-01-31, None for nothing.

    Raises:
        InputError: it is no date.
    """
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except (ValueError, TypeError) as error:
        message = f"The date of the {name}, {text!r}, is no date; write it as 2020-01-31."
        raise InputError(message) from error

"""The report as one HTML file that prints on a page or two and opens offline; everything in it is escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

STYLE = """\
body{font:13px/1.4 system-ui,sans-serif;margin:1.2em auto;max-width:74em;padding:0 1em;color:#1c1c1c}
h1{font-size:1.6em;margin:.2em 0}h2{font-size:1.2em;margin:1em 0 .3em;border-bottom:1px solid #bbb}
.warning{background:#fff3cd;padding:.3em .7em;margin:.4em 0}.headline{font-size:1.3em;margin:.5em 0}
.bad{background:#fde2e0;padding:.3em .7em}
table{border-collapse:collapse;margin:.3em 0}th,td{padding:.12em .55em;text-align:right}
th:first-child,td:first-child{text-align:left}tr:first-child th{border-bottom:2px solid #444}
td{border-bottom:1px solid #ddd}.small{color:#555;font-size:.9em}
.facts td,.facts th,.facts tr:first-child th{text-align:left;border:0;font-weight:normal;vertical-align:top}
.facts th{color:#555;white-space:nowrap}.facts td{overflow-wrap:anywhere}
figure{display:inline-block;margin:.3em .4em .3em 0;width:36em;max-width:100%}
figcaption{color:#333}img{width:100%;display:block}
.row{display:flex;gap:2em;align-items:flex-start}
@media print{body{font-size:9px;margin:0;padding:0;max-width:none}figure{width:48%}h2{break-after:avoid}
details:not([open]){display:none}figure,tr{break-inside:avoid}@page{size:A4;margin:11mm}}
"""
COLUMNS = {
    "change": "change",
    "followup_labels": "lesion",
    "baseline_labels": "was",
    "baseline_volume_mm3": "baseline mm³",
    "followup_volume_mm3": "follow-up mm³",
    "difference_mm3": "difference mm³",
    "difference_sd_mm3": "± of repetition",
    "per_year_mm3": "per year mm³",
    "new_part_mm3": "new part mm³",
    "probability": "probability",
    "match": "match",
}


def html_page(
    content: Mapping[str, Any], pictures: Sequence[tuple[bytes, int]], checkerboard: bytes | None, title: str
) -> str:
    """Lay out what `report_content` says.

    Args:
        pictures: PNG and slice of the first sure changes, in their order.
        checkerboard: PNG of both examinations, None leaves it out.
    """
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="warning">{html.escape(content["warning"])}</p>',
        f'<p class="headline"><b>{html.escape(content["headline"])}</b></p>',
        _registration(content["registration"]),
        f"<p>{html.escape(content['verdict'])}{_decision(content['decision'])}</p>",
        "<h2>Volumes</h2>",
        f'<div class="row">{_volume_plot(content)}{_facts(_volume_facts(content))}</div>',
        "<h2>Sure changes</h2>",
        _table(content["changes"]) if content["changes"] else "<p>None.</p>",
        _figures(content["changes"], pictures),
        _doubtful(content["doubtful"]),
        _checkerboard(checkerboard),
        "<h2>How it was made</h2>",
        _facts(_provenance(content)),
    ]
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _registration(quality: Mapping[str, Any]) -> str:
    if not quality:
        return ""
    kind = "" if quality.get("good") else ' class="bad"'
    return f"<p{kind}>{html.escape(str(quality.get('sentence', '')))}</p>"


def _decision(decision: Mapping[str, Any] | None) -> str:
    if decision is None:
        return ""
    by = f" by {decision['by']}" if decision.get("by") else ""
    return html.escape(f" Decided{by} on {str(decision['at'])[:10]}: use the {decision['choice']} CNN.")


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    shown = [name for name in COLUMNS if name != "per_year_mm3" or any(row[name] is not None for row in rows)]
    head = "".join(f"<th>{html.escape(COLUMNS[name])}</th>" for name in shown)
    lines = [
        "<tr>" + "".join(f"<td>{html.escape(_cell(name, row[name]))}</td>" for name in shown) + "</tr>"
        for row in rows
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _cell(name: str, value: Any) -> str:
    if value is None or value == "":
        return "-"
    if name == "probability":
        return "above .999" if value > 0.999 else f"{value:.3f}"
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _figures(rows: Sequence[Mapping[str, Any]], pictures: Sequence[tuple[bytes, int]]) -> str:
    figures = []
    for row, (picture, position) in zip(rows, pictures, strict=False):
        number = row["followup_labels"] or f"{row['baseline_labels']} of the baseline"
        text = (
            f"Lesion {number}, {row['change']}: {_cell('', row['baseline_volume_mm3'])} to"
            f" {_cell('', row['followup_volume_mm3'])} mm³. Follow-up, slice {position}; there: baseline (orange),"
            " follow-up (blue)."
        )
        figures.append(_figure(picture, text))
    if len(rows) > len(pictures):
        figures.append(f"<p>The {len(pictures)} most important of {len(rows)} changes are shown.</p>")
    return "".join(figures)


def _figure(picture: bytes, text: str) -> str:
    data = base64.b64encode(picture).decode("ascii")
    return (
        f'<figure><img alt="{html.escape(text)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(text)}</figcaption></figure>"
    )


def _checkerboard(picture: bytes | None) -> str:
    if picture is None:
        return ""
    text = "Follow-up and registered baseline in turn: edges run on from field to field where they fit."
    return f"<h2>Registration</h2>{_figure(picture, text)}"


def _doubtful(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    summary = f"{len(rows)} lesions without sure change"
    return f"<details><summary>{summary}</summary>{_table(rows)}</details>"


def _volume_plot(content: Mapping[str, Any]) -> str:
    """Total volume of both examinations as a line from date to date, SVG."""
    volumes, dates = content["volumes"], content["dates"]
    values = [volumes.get("baseline_ml"), volumes.get("followup_ml")]
    if None in values:
        return ""
    highest = max(*values, 1e-6)
    points = [(60 + 190 * i, 120 - 90 * value / highest) for i, value in enumerate(values)]
    names = [
        dates.get(name) or title for name, title in (("baseline", "baseline"), ("followup", "follow-up"))
    ]
    marks = "".join(
        f'<circle cx="{x}" cy="{y:.1f}" r="4" fill="#0a6ebd"/>'
        f'<text x="{x}" y="{y - 9:.1f}" text-anchor="middle">{value:.1f} ml</text>'
        f'<text x="{x}" y="138" text-anchor="middle">{html.escape(str(name))}</text>'
        for (x, y), value, name in zip(points, values, names, strict=True)
    )
    (x1, y1), (x2, y2) = points
    line = f'<line x1="{x1}" y1="{y1:.1f}" x2="{x2}" y2="{y2:.1f}" stroke="#0a6ebd" stroke-width="2"/>'
    ground = '<line x1="30" y1="120" x2="290" y2="120" stroke="#888"/>'
    return (
        '<svg width="320" height="145" viewBox="0 0 320 145" font-size="11" role="img"'
        f' aria-label="Volume of all lesions over time">{ground}{line}{marks}</svg>'
    )


def _volume_facts(content: Mapping[str, Any]) -> dict[str, str]:
    volumes, years = content["volumes"], content["dates"].get("years")
    facts = {
        "lesions at follow-up": str(volumes["lesions"]),
        "tissue surely new": _ml(volumes.get("sure_new_ml")),
        "tissue surely gone": _ml(volumes.get("sure_lost_ml")),
        "new or gone, doubtful ones included": f"{_ml(volumes.get('new_ml'))}, {_ml(volumes.get('lost_ml'))}",
    }
    before, after = volumes.get("baseline_ml"), volumes.get("followup_ml")
    if years and before is not None and after is not None:
        facts["years between"] = f"{years:.2f}"
        facts["volume per year"] = _ml((after - before) / years)
    return facts


def _ml(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2f} ml"


def _provenance(content: Mapping[str, Any]) -> dict[str, str]:
    made, tuning = content["made_from"], content["tuning"]
    model = made["model"]
    facts = {
        "lesions found by": content["cnn"],
        "base model": f"{model['name']}, version {model['version']}, SHA-256 {model['sha256']}",
        "images (SHA-256)": _pairs({name: str(digest)[:16] for name, digest in made["images"].items()}),
        "what counts as sure": _pairs(content["settings"]),
        "priors from the baseline (logit)": _pairs(content["priors"]) or "none",
        "made": f"{made['created']}, {made['device'] or 'device not recorded'}, {_seconds(made['seconds'])}",
        "versions": _pairs(made["versions"]) or "not recorded",
        "dropout repetitions": str(made["repetitions"]),
    }
    if tuning:
        loss = tuning.get("loss_history") or []
        ends = f", loss {loss[0]:.3f} to {loss[-1]:.3f}" if loss else ""
        facts["tuned on slices"] = (
            f"{', '.join(map(str, tuning['slices']))} (labels {tuning['annotation'][:16]})"
        )
        facts["tuning"] = f"{_pairs(tuning['settings'])}{ends}"
    if made["notes"]:
        facts["notes"] = " ".join(made["notes"])
    return facts


def _seconds(value: float | None) -> str:
    return "time not recorded" if value is None else f"{value:.1f} s"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{str(name).replace('_', ' ')} {value}" for name, value in values.items())


def _facts(facts: Mapping[str, str]) -> str:
    lines = [f"<tr><th>{html.escape(n)}</th><td>{html.escape(str(v))}</td></tr>" for n, v in facts.items()]
    return f'<table class="facts small">{"".join(lines)}</table>'

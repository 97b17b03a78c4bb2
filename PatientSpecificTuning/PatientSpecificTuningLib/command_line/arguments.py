"""The arguments of every verb of the command line."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..engine.case.preparation import KEPT_FROM
from ..engine.cohort.sample_cases import sample_names
from ..engine.model.card import MOTION_CORRECTIONS
from ..engine.model.card import REGISTRATIONS
from ..engine.tuning.plan import DEFAULT
from ..engine.tuning.plan import NAMED_SETTINGS
from ..engine.tuning.slice_proposal import CRITERIA
from ..engine.tuning.slice_proposal import DISTANCE_MM
from ..engine.tuning.slice_proposal import PAPER
from . import verbs
from .argument_types import channels
from .argument_types import distance
from .argument_types import number
from .argument_types import positive
from .argument_types import prior
from .argument_types import rate
from .argument_types import slices
from .review_arguments import review_arguments
from .study_arguments import study_arguments
from .study_verb import study
from .train_arguments import train_arguments


def build_parser(
    parser_class: type[argparse.ArgumentParser] = argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """The parser of all verbs; the parsed options carry the function of the verb as `run`."""
    parser = parser_class(
        prog="python -m PatientSpecificTuningLib",
        description="Patient-specific fine-tuning of a CNN for follow-up lesion quantification (Jansen et al., 2020)."
        " For research only, not for clinical use.",
        epilog="Exit codes: 0 done, 1 unexpected, 2 usage or bad input, 3 cancelled.",
    )
    commands = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=parser_class)
    _prepare(_verb(commands, "prepare", verbs.prepare, "bring the images of a patient into a case folder"))
    _propose(
        _verb(
            commands, "propose", verbs.propose, "list the baseline slices from which the CNN can learn most"
        )
    )
    _annotate(
        _verb(commands, "annotate", verbs.annotate, "take corrected labels of baseline slices into the case")
    )
    _learn(
        _verb(
            commands,
            "learn",
            verbs.learn,
            "learn from the slices corrected so far: lesions of the other slices, and which to correct next",
        )
    )
    _tune(_verb(commands, "tune", verbs.tune, "fine-tune the last two layers on the corrected slices"))
    _segment(
        _verb(commands, "segment", verbs.segment, "find the lesions of an examination, with uncertainty")
    )
    _evaluate(_verb(commands, "evaluate", verbs.evaluate, "compare a result with known lesions"))
    review_arguments(functools.partial(_verb, commands))
    train_arguments(_verb(commands, "train", verbs.train, "train a base model on annotated examinations"))
    _demo(_verb(commands, "demo", verbs.demo, "run the whole method on the sample case or on your own scans"))
    _study(
        _verb(commands, "study", study, "run the paper's experiments on a cohort: tables, plots and a report")
    )
    return parser


def _verb(commands: Any, name: str, run: Callable[..., dict[str, Any]], text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    command.set_defaults(run=run)
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    command.add_argument("--quiet", action="store_true", help="show no progress")
    return command


def _case(command: argparse.ArgumentParser) -> None:
    command.add_argument("case", type=Path, help="the case folder")


def _prepare(command: argparse.ArgumentParser) -> None:
    _case(command)
    _images(command)
    _preparation(command)


def _images(command: argparse.ArgumentParser) -> None:
    for examination in ("baseline", "followup"):
        command.add_argument(
            f"--{examination}",
            nargs="+",
            metavar="[SEQUENCE=]PATH",
            help=f"sequences of the {examination}; the grid of the model's first one counts",
        )
        command.add_argument(
            f"--{examination}-mask", type=Path, metavar="PATH", help=f"organ mask of the {examination}"
        )
        command.add_argument(
            f"--{examination}-channels",
            nargs="+",
            type=channels,
            default=[],
            metavar="SEQUENCE=N,N,...",
            help=f"which volumes of the {examination}, counted from 1, serve the channels of the model, where some"
            " are missing or in another order",
        )


def _preparation(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model", help="a model folder or the name of a shipped model; by default the shipped one"
    )
    command.add_argument(
        "--registration",
        choices=REGISTRATIONS,
        help="how the other sequences are brought onto the first one's grid; by default as the model card says",
    )
    command.add_argument(
        "--motion-correction",
        choices=MOTION_CORRECTIONS,
        help="bring the volumes of the first sequence into one position, which needs itk-elastix; by default as the"
        " model card says",
    )
    command.add_argument(
        "--bias-correction",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="N4 bias field correction; by default as the model card says",
    )
    command.add_argument(
        "--missing-sequence",
        choices=("error", "zero"),
        default="error",
        help="what to do without a sequence that the model expects: stop, or fill it with zeros in both"
        " examinations where the model was trained to do without it",
    )
    command.add_argument(
        "--kept-from",
        type=float,
        default=KEPT_FROM,
        metavar="SOFTMAX",
        help=f"a lesion is possible where the base CNN's softmax is at least this ({KEPT_FROM:g}); 0 looks at every voxel,"
        " as the paper does, and takes longer and more space",
    )


def _propose(command: argparse.ArgumentParser) -> None:
    _case(command)
    command.add_argument(
        "--count",
        type=slices,
        metavar="N|all",
        help="how many slices; by default as the model card says",
    )
    command.add_argument(
        "--among",
        choices=("organ", "lesion"),
        help="which slices to choose from; by default all of the organ, but those with a lesion for a model that"
        " needs every one of them",
    )
    _criterion(command, None)


def _criterion(command: argparse.ArgumentParser, distance_mm: float | None) -> None:
    command.add_argument(
        "--criterion",
        choices=CRITERIA,
        default=PAPER,
        help="the paper's score (mean lesion softmax nearest to 0.5), or what a correction is expected to change",
    )
    command.add_argument(
        "--distance",
        type=distance,
        default=distance_mm,
        metavar="MM",
        help="how far apart slices lie where there are enough; without it 10 for the criterion gain, any for paper",
    )


def _labels(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--labels", type=Path, required=True, metavar="PATH", help="lesion labelmap of the baseline"
    )


def _learn(command: argparse.ArgumentParser) -> None:
    _case(command)
    _labels(command)
    command.add_argument(
        "--slices",
        nargs="+",
        type=number,
        required=True,
        metavar="INDEX",
        help="the slices corrected so far, by index from 0 on the working grid",
    )
    command.add_argument("--count", type=positive, default=2, help="how many slices to propose next")
    _criterion(command, DISTANCE_MM)
    _tuning(command)


def _annotate(command: argparse.ArgumentParser) -> None:
    _case(command)
    _labels(command)
    command.add_argument(
        "--slices",
        nargs="+",
        type=number,
        metavar="INDEX",
        help="the corrected slices, by index from 0 on the working grid; by default every slice with a label",
    )


def _tune(command: argparse.ArgumentParser) -> None:
    _case(command)
    _tuning(command)
    command.add_argument(
        "--also",
        nargs="+",
        type=Path,
        default=[],
        metavar="CASE",
        help="other cases of the same patient and model, whose corrected baselines are learned from as well",
    )


def _tuning(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--iterations",
        type=positive,
        default=100,
        help="iterations of fine-tuning, 50 to 1000; where the base CNN is far off, 500 are better",
    )
    command.add_argument(
        "--settings",
        choices=NAMED_SETTINGS,
        default=DEFAULT,
        help="by default the model card's learning rate; paper takes 1e-4 and every pixel of freshly rotated patches,"
        " exactly as the paper, and minutes instead of seconds",
    )
    command.add_argument(
        "--learning-rate", type=rate, help="learning rate of Adam, by default as --settings says"
    )
    command.add_argument(
        "--base-slices",
        type=float,
        metavar="N",
        help="the base CNN keeps as much weight in the patient-specific one as N corrected slices; 0 as in the paper, by"
        " default as --settings says",
    )
    command.add_argument(
        "--logit-shift",
        action=argparse.BooleanOptionalAction,
        help="shift the lesion logit to where the corrected slices ask for it; not so in the paper, by default as"
        " --settings says",
    )
    command.add_argument(
        "--weighting",
        choices=("none", "segmentation", "detection", "lesions"),
        default="none",
        help="how pixels are weighted: by what the base CNN made of them (the paper's two), or by the size of their"
        " lesion, small ones for more",
    )
    command.add_argument("--seed", type=number, default=0, help="seed of patches, rotations and dropout")


def _segment(command: argparse.ArgumentParser) -> None:
    _case(command)
    command.add_argument(
        "--examination", choices=("baseline", "followup"), default="followup", help="which one to segment"
    )
    command.add_argument(
        "--weights", default="current", help="current, base, or the number of a tuned version"
    )
    command.add_argument(
        "--baseline-prior",
        type=prior,
        default=0.0,
        metavar="LOGIT",
        help="by how much less evidence is needed where the baseline had a lesion, 0 to 4; hides no new lesion, but may"
        " keep one that has gone",
    )
    command.add_argument(
        "--new-lesion-prior",
        type=prior,
        default=None,
        metavar="LOGIT",
        help="by how much less evidence is needed where the CNN is surer of a lesion than at baseline and the FLAIR is"
        " brighter, both beyond what measuring again would show, 0 to 4; 0 leaves the baseline out (default: 4 where both"
        " examinations have a FLAIR)",
    )
    _dropout(command)


def _dropout(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--repetitions", type=number, default=25, help="Monte Carlo dropout repetitions, 0 for none"
    )


def _evaluate(command: argparse.ArgumentParser) -> None:
    _case(command)
    command.add_argument(
        "--reference", type=Path, required=True, metavar="PATH", help="known lesions as a labelmap"
    )
    command.add_argument("--result", default="current", help="current, or the number of a result")


def _demo(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--output",
        type=Path,
        default=Path("output", "demo"),
        metavar="FOLDER",
        help="where the results are left",
    )
    command.add_argument(
        "--sample",
        metavar="NAME",
        help=f"a sample case, {' or '.join(sample_names())}, with its shipped model",
    )
    command.add_argument(
        "--case", type=Path, metavar="FOLDER", help="a folder of scans, recognised by their names"
    )
    command.add_argument(
        "--match", default="", metavar="TEXT", help="of --case, only files whose path contains this"
    )
    _images(command)
    for examination in ("baseline", "followup"):
        command.add_argument(
            f"--{examination}-lesions", type=Path, metavar="PATH", help=f"known lesions of the {examination}"
        )
    command.add_argument(
        "--change-mask", type=Path, metavar="PATH", help="known change between the examinations"
    )
    command.add_argument(
        "--split-slices",
        choices=("even", "odd"),
        help="with one examination: tune on this half of its slices and judge on the other",
    )
    command.add_argument(
        "--slices",
        type=slices,
        metavar="N|all",
        help="corrected slices, all are those with a lesion; by default as the model card says",
    )
    command.add_argument(
        "--among", choices=("organ", "lesion"), default="organ", help="which slices are proposed from"
    )
    _preparation(command)
    _tuning(command)
    _dropout(command)


def _study(command: argparse.ArgumentParser) -> None:
    study_arguments(command)
    _preparation(command)

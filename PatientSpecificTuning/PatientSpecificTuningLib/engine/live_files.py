"""What learning while correcting leaves in the case: only the newest, complete or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .case.case import Case
from .case.layout import LIVE_JSON
from .case.layout import live_folder
from .case.versions import agrees
from .errors import InputError
from .files import json_values
from .files.arrays import write_array
from .files.atomic import write_text
from .files.content_hash import content_hash
from .files.json_file import read_json_object
from .images.volumes import write_volume
from .tuning.slice_proposal import SliceProposal

if TYPE_CHECKING:
    from .network.network import DualPathwayNetwork
    from .network.tuned_head import TunedHead

LESIONS, PROBABILITY = "lesions.nii.gz", "probability.npy"


@dataclass(frozen=True)
class LiveTuning:
    """What was learned from the corrections so far.

    Attributes:
        slices: the corrected slices.
        has_learned: False where none of them shows a lesion; then everything is the base CNN's.
        lesions: labelmap on the grid of the user's baseline.
        probability: file of the lesion softmax, float16 (Z, Y, X) on the working grid; there only where it has learned.
        proposals: every other slice of the organ, the best to correct next first.
        labels_sha256: of the content of the corrected slices.
    """

    slices: tuple[int, ...]
    has_learned: bool
    lesions: Path
    probability: Path
    proposals: tuple[SliceProposal, ...]
    labels_sha256: str


def write_live(
    case: Case,
    origin: Mapping[str, Any],
    lesions: sitk.Image,
    probability: NDArray[np.float32],
    proposals: Sequence[SliceProposal],
    tuned: TunedHead | None,
) -> LiveTuning:
    """Put the newest in the place of what was there; the file that makes it count comes last.

    Args:
        origin: what it was made from and how, as of a tuned version.
        probability: lesion softmax (Z, Y, X) on the working grid, kept where anything was learned.
        tuned: None where nothing could be learned.

    Raises:
        InputError: the case is gone, or the disk is full.
    """
    from .network.tuned_head import HEAD_NAME
    from .network.tuned_head import save_head

    with case.live_files() as folder:
        write_volume(lesions, folder / LESIONS)
        values = {**origin, "proposals": [asdict(proposal) for proposal in proposals], "head": ""}
        values["lesions"] = content_hash([folder / LESIONS], "lesions").sha256
        if tuned is not None:
            write_array(folder / PROBABILITY, probability.astype(np.float16))
            save_head(folder, tuned)
            values["head"] = content_hash([folder / HEAD_NAME], "tuned weights").sha256
            values["loss_history"], values["trainable_parameters"] = (
                tuned.loss_history,
                tuned.trainable_parameters,
            )
        write_text(folder / LIVE_JSON, json.dumps(values) + "\n")
    return read_live(live_folder(case.folder) / LIVE_JSON)


def read_live(path: Path) -> LiveTuning:
    """What live.json says.

    Raises:
        InputError: it is missing or damaged, or the lesions beside it are of another learning, which was interrupted.
    """
    lesions = path.with_name(LESIONS)
    try:
        values = read_json_object(path)
        # Those of an earlier version of the program are not named.
        if values.get("lesions") not in (None, content_hash([lesions], "lesions").sha256):
            message = "other lesions"
            raise ValueError(message)
        proposals = json_values.entries(values["proposals"], _proposal)
        slices = json_values.entries(values["slices"], lambda entry: json_values.integer(entry, 0))
        sha256 = json_values.text(values["annotation"])
    except (OSError, ValueError, KeyError, TypeError, InputError) as error:
        message = f"{path} is missing or damaged; mark a slice again."
        raise InputError(message) from error
    return LiveTuning(
        slices, bool(values.get("head")), lesions, path.with_name(PROBABILITY), proposals, sha256
    )


def _proposal(entry: Any) -> SliceProposal:
    values = json_values.fields(entry, json_values.anything)
    return SliceProposal(
        rank=json_values.integer(values["rank"], 1),
        slice=json_values.integer(values["slice"], 0),
        mean_softmax=json_values.number(values["mean_softmax"], 0, 1),
        lesion_area_voxels=json_values.integer(values["lesion_area_voxels"], 0),
        doubt_voxels=json_values.number(values["doubt_voxels"], 0),
        nearest_mm=json_values.number_or_none(values["nearest_mm"]),
    )


def kept_head(case: Case, origin: Mapping[str, Any], network: DualPathwayNetwork) -> TunedHead | None:
    """The weights that were learned while correcting, where that was from the same things; None otherwise."""
    from .network.tuned_head import HEAD_NAME
    from .network.tuned_head import TunedHead
    from .network.tuned_head import load_tuned_head

    folder = live_folder(case.folder)
    try:
        values = read_json_object(folder / LIVE_JSON)
        if not values.get("head") or not agrees(values, origin):
            return None
        # The weights of a later learning may lie there already, or an interrupted one was about to replace them.
        if content_hash([folder / HEAD_NAME], "tuned weights").sha256 != values["head"]:
            return None
        losses = json_values.entries(values["loss_history"], json_values.number)
        parameters = json_values.integer(values["trainable_parameters"])
        state = load_tuned_head(folder, network).state_dict()
    except (OSError, ValueError, KeyError, InputError):
        return None
    return TunedHead(state, list(losses), parameters)

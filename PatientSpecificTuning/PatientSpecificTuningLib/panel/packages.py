"""Python packages that Slicer does not bring, installed where they are first needed and only after asking."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..engine.files.resources import RESOURCES
from ..engine.images.motion_correction import corrected_sequences
from ..engine.model.card import ModelCard

REQUIREMENTS, MOTION_REQUIREMENTS = RESOURCES / "requirements.txt", RESOURCES / "requirements-motion.txt"
OLDEST_TORCH = ">=2.0"


def ensurePackages(card: ModelCard, motionCorrection: str | None = None) -> None:
    """Install torch through the PyTorch extension, and the other packages through Slicer.

    What corrects motion is installed only where motion is corrected. A torch that is only half installed looks complete
    from here; the worker says so when it loads it.

    Args:
        motionCorrection: "groupwise" or "none", None as the model says.

    Raises:
        InputError: something is missing and was not installed.
    """
    if find_spec("torch") is None:
        _installTorch()
    if find_spec("safetensors") is None:
        _install(REQUIREMENTS)
    if corrected_sequences(card, motionCorrection):
        _install(MOTION_REQUIREMENTS)


def _install(requirements: Path) -> None:
    from slicer.packaging import load_requirements
    from slicer.packaging import pip_ensure

    pip_ensure(load_requirements(str(requirements)), requester="PatientSpecificTuning")


def _installTorch() -> None:
    try:
        import PyTorchUtils
    except ModuleNotFoundError as error:
        message = _(
            "torch is missing; install the PyTorch extension in the Extensions Manager and restart Slicer."
        )
        raise InputError(message) from error
    logic = PyTorchUtils.PyTorchUtilsLogic()
    if logic.installTorch(askConfirmation=True, torchVersionRequirement=OLDEST_TORCH) is None:
        raise InputError(
            _("torch was not installed, so the CNN cannot run; press the button again to install it.")
        )

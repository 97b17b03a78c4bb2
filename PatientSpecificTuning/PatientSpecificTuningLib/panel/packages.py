"""Python packages that Slicer does not bring, installed where they are first needed and only after asking."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..engine.files.resources import RESOURCES
from ..engine.images.deepbet_mask import PACKAGE as BRAIN_PACKAGE
from ..engine.images.motion_correction import corrected_sequences
from ..engine.model.card import ModelCard

REQUIREMENTS, MOTION_REQUIREMENTS, DICOM_REQUIREMENTS, BRAIN_REQUIREMENTS = (
    RESOURCES / f"requirements{purpose}.txt" for purpose in ("", "-motion", "-dicom", "-brain")
)
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


def ensureDicomPackages() -> None:
    """Install what writes DICOM objects.

    Raises:
        InputError: it is missing and was not installed.
    """
    if find_spec("highdicom") is None:
        _install(DICOM_REQUIREMENTS)


def offerBrainPackage() -> None:
    """Install what finds the brain best, where the user agrees and the network is there; it can be estimated without."""
    if find_spec(BRAIN_PACKAGE) is None:
        try:
            _install(BRAIN_REQUIREMENTS)
        except InputError as reason:
            logging.info("The brain is estimated without %s: %s", BRAIN_PACKAGE, reason)


def _install(requirements: Path) -> None:
    from slicer.packaging import load_requirements
    from slicer.packaging import pip_ensure

    try:
        pip_ensure(load_requirements(str(requirements)), requester="PatientSpecificTuning")
    # Slicer says in many ways that the user declined, that there is no network, or that pip failed.
    except Exception as error:
        message = _(
            "{packages} could not be installed ({reason}); check the connection to the internet and try again."
        )
        lines = requirements.read_text(encoding="utf-8").splitlines()
        names = ", ".join(line for line in lines if line and not line.startswith("#"))
        raise InputError(message.format(packages=names, reason=error)) from error


def _installTorch() -> None:
    try:
        import PyTorchUtils
    except ModuleNotFoundError as error:
        message = _(
            "torch is missing; install the PyTorch extension in the Extensions Manager and restart Slicer."
        )
        raise InputError(message) from error
    declined = _("torch was not installed, so the CNN cannot run; press the button again to install it.")
    try:
        logic = PyTorchUtils.PyTorchUtilsLogic()
        installed = logic.installTorch(askConfirmation=True, torchVersionRequirement=OLDEST_TORCH)
    except Exception as error:
        raise InputError(f"{declined} ({error})") from error
    if installed is None:
        raise InputError(declined)

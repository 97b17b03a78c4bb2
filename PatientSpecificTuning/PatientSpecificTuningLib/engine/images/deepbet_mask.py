"""A brain mask by deepbet, for users who have installed that package.

deepbet (Fisch et al., Computers in Biology and Medicine 2024, MIT licence) brings its weights along. It was made for
T1 images of whole heads and does as well on FLAIR.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

PACKAGE = "deepbet"


def deepbet_brain_mask(image: sitk.Image) -> sitk.Image | None:
    """The brain in a whole head, uint8 0/1 on the grid of `image`; None without the package or without a brain."""
    if find_spec(PACKAGE) is None:
        return None
    try:
        import nibabel
        from deepbet import BrainExtraction

        volume = nibabel.Nifti1Image(sitk.GetArrayFromImage(image).T.astype(np.float32), _affine(image))
        # On the CPU, so that the mask does not depend on the machine.
        _, found, _ = BrainExtraction(no_gpu=True).run(volume)
    except (ImportError, AssertionError, RuntimeError, ValueError):
        # A broken installation, an image without a head, or too little memory: the caller has another way.
        return None
    mask = sitk.GetImageFromArray((np.asarray(found.dataobj).T > 0).astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def _affine(image: sitk.Image) -> NDArray[np.float64]:
    """From voxels to millimetres as NIfTI counts them: to the right, forward and up."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine

"""What a tissue looks like in DCE-MRI and in diffusion weighted MRI."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .perfusion import PHASE_TIMES_S
from .perfusion import Bolus
from .perfusion import Perfusion
from .perfusion import concentration

Signal = NDArray[np.float32]

B_VALUES = (10.0, 150.0, 1000.0)
PHASES = len(PHASE_TIMES_S)
# Fat-suppressed spoiled gradient echo of the DCE series, echo-planar imaging of the DWI.
REPETITION_S, FLIP_DEGREES = 0.0040, 12.0
ECHO_S = 0.070
# Longitudinal relaxivity of gadolinium chelates at 1.5 T, l/(mmol s).
RELAXIVITY = 4.5


@dataclass(frozen=True)
class Tissue:
    """Relaxation at 1.5 T, perfusion and diffusion of a tissue.

    Attributes:
        t1_s: longitudinal relaxation time without contrast agent.
        t2_s: transverse relaxation time.
        adc: apparent diffusion coefficient, 0.001 mm2/s.
        density: signal that is available, relative to water; small for fat, which is suppressed, and for air.
        perfusion: uptake of contrast agent.
    """

    t1_s: float
    t2_s: float
    adc: float
    perfusion: Perfusion = field(default_factory=Perfusion)
    density: float = 1.0

    def scaled(self, *, t1: float = 1.0, t2: float = 1.0, adc: float = 1.0, flow: float = 1.0) -> Tissue:
        """The tissue with factors on relaxation, diffusion and inflow."""
        perfusion = replace(
            self.perfusion, arterial=self.perfusion.arterial * flow, portal=self.perfusion.portal * flow
        )
        return replace(
            self, t1_s=self.t1_s * t1, t2_s=self.t2_s * t2, adc=self.adc * adc, perfusion=perfusion
        )


def signals(tissue: Tissue, bolus: Bolus | None = None) -> Signal:
    """All phases of the DCE series, then all b-values, float32 (phases + b-values,); free water is near 1."""
    return np.concatenate([dce_signal(tissue, bolus), dwi_signal(tissue)]).astype(np.float32)


def dce_signal(tissue: Tissue, bolus: Bolus | None = None) -> Signal:
    """Steady state of the spoiled gradient echo at every phase, relative to fully relaxed tissue."""
    rate = 1 / tissue.t1_s + RELAXIVITY * concentration(tissue.perfusion, bolus)
    decay = np.exp(-REPETITION_S * rate)
    flip = np.deg2rad(FLIP_DEGREES)
    steady = np.sin(flip) * (1 - decay) / (1 - np.cos(flip) * decay)
    return (tissue.density * steady / np.sin(flip)).astype(np.float32)


def dwi_signal(tissue: Tissue) -> Signal:
    """Mono-exponential decay over the b-values (s/mm2), with the T2 weighting of the echo time."""
    decay = np.exp(-np.array(B_VALUES) * tissue.adc * 1e-3)
    return (tissue.density * np.exp(-ECHO_S / tissue.t2_s) * decay).astype(np.float32)

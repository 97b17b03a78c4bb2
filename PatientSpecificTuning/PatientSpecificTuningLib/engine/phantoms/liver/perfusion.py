"""How contrast agent passes through tissue after a bolus in a vein of the arm: concentration over time.

Tissue follows the dual-input one-compartment model of the liver (Materne et al., Magn Reson Med 47:135-142,
2002), which with one input alone serves the other organs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]

# Sixteen 3D images in six breath holds (paper, "Liver metastases detection"), seconds after the injection.
BREATH_HOLDS = (
    (0.0,),
    (17.0, 21.0, 25.0, 29.0, 33.0),
    (54.0, 59.0, 64.0, 69.0),
    (98.0, 104.0, 110.0),
    (170.0, 176.0),
    (300.0,),
)
PHASE_TIMES_S = tuple(time for hold in BREATH_HOLDS for time in hold)
# Phase number to the index of its breath hold.
BREATH_HOLD_OF_PHASE = tuple(i for i, hold in enumerate(BREATH_HOLDS) for _ in hold)
PORTAL_VENOUS_HOLD = 2
STEP_S = 0.5


@dataclass(frozen=True)
class Bolus:
    """One patient's passage of the contrast agent from arm to aorta.

    Attributes:
        arrival_s: when it reaches the abdominal aorta.
        peak_mm: concentration of the first pass, mmol/l.
        late_mm: concentration after mixing, mmol/l.
    """

    arrival_s: float = 14.0
    peak_mm: float = 5.0
    late_mm: float = 1.3


@dataclass(frozen=True)
class Perfusion:
    """How a tissue takes up and gives back contrast agent.

    Attributes:
        arterial: inflow rate from the artery, 1/s.
        portal: inflow rate from the portal vein, 1/s.
        washout: outflow rate, 1/s.
        artery_fraction: part of the voxel that is arterial blood.
        portal_fraction: part of the voxel that is portal venous blood.
    """

    arterial: float = 0.0
    portal: float = 0.0
    washout: float = 0.05
    artery_fraction: float = 0.0
    portal_fraction: float = 0.0


def concentration(
    perfusion: Perfusion, bolus: Bolus | None = None, times_s: tuple[float, ...] = PHASE_TIMES_S
) -> Curve:
    """Contrast agent in a tissue, mmol/l, at every time."""
    bolus = bolus or Bolus()
    fine = np.arange(0.0, max(times_s) + STEP_S, STEP_S)
    artery, portal = arterial_input(fine, bolus), portal_input(fine, bolus)
    inflow = perfusion.arterial * artery + perfusion.portal * portal
    tissue = _convolved(inflow, np.exp(-perfusion.washout * fine))
    tissue = tissue + perfusion.artery_fraction * artery + perfusion.portal_fraction * portal
    return np.interp(times_s, fine, tissue)


def arterial_input(times_s: Curve, bolus: Bolus) -> Curve:
    """First pass as a gamma variate, and what stays in the blood and leaves it slowly; mmol/l."""
    after = np.maximum(times_s - bolus.arrival_s, 0.0)
    rise_s = 6.0
    first_pass = (after / rise_s) ** 2 * np.exp(2 * (1 - after / rise_s))
    mixed = (1 - np.exp(-after / 12.0)) * np.exp(-after / 400.0)
    return bolus.peak_mm * first_pass + bolus.late_mm * mixed


def portal_input(times_s: Curve, bolus: Bolus) -> Curve:
    """What the bowel passes on to the portal vein: later and broader than the artery; mmol/l."""
    delay_s, transit_s = 5.0, 11.0
    since = np.maximum(times_s - delay_s, 0.0)
    response = np.where(times_s >= delay_s, np.exp(-since / transit_s) / transit_s, 0.0)
    return _convolved(arterial_input(times_s, bolus), response)


def _convolved(curve: Curve, response: Curve) -> Curve:
    return np.convolve(curve, response)[: curve.size] * STEP_S

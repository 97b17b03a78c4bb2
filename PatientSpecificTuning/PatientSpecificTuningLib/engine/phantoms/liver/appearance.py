"""What both examinations of one phantom patient share, and a general CNN does not know: how this patient looks."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

import numpy as np

from .perfusion import Bolus

METASTASES = ("hypovascular", "hypervascular", "necrotic", "cystic")
# What looks like a metastasis and is none; a vessel in cross-section is another such thing.
MIMICS = ("cyst", "haemangioma", "focal fat", "scar", "shunt", "nodule")


@dataclass(frozen=True)
class LiverAppearance:
    """Appearance of one patient's liver, metastases and mimics.

    Attributes:
        kinds: share of every kind of metastasis.
        mimics: number of every kind of mimic.
        tumour: part of a metastasis that is tumour; the rest is liver that it grows through.
        t1: factor on the longitudinal relaxation time of metastases.
        t2: factor on their transverse relaxation time.
        adc: factor on their apparent diffusion coefficient.
        flow: factor on their inflow.
        rim: factor on the inflow of their rims.
        scar_t1_s: longitudinal relaxation time of ablation scars; short where blood broke down.
        scar_rim: factor on the inflow of the rim of scars.
        liver_t1_s: longitudinal relaxation time of the liver.
        liver_t2_s: transverse relaxation time of the liver; short in iron overload.
        liver_fat: part of the liver's signal that is fat, and suppressed.
        bolus: passage of the contrast agent.
        noise: standard deviation of the noise of the DCE series, relative to fully relaxed water.
    """

    kinds: dict[str, float] = field(default_factory=lambda: {"hypovascular": 0.7, "necrotic": 0.3})
    mimics: dict[str, int] = field(default_factory=lambda: {"cyst": 1, "scar": 1})
    tumour: float = 0.8
    t1: float = 1.0
    t2: float = 1.0
    adc: float = 1.0
    flow: float = 1.0
    rim: float = 1.0
    scar_t1_s: float = 0.5
    scar_rim: float = 1.0
    liver_t1_s: float = 0.6
    liver_t2_s: float = 0.046
    liver_fat: float = 0.05
    bolus: Bolus = field(default_factory=Bolus)
    noise: float = 0.014

    @classmethod
    def random(cls, rng: np.random.Generator) -> LiverAppearance:
        """Draw one patient's appearance from a population with wide differences between patients.

        One or two kinds of metastasis prevail in a patient, since they have one primary tumour.
        """
        shares = rng.dirichlet([0.35] * len(METASTASES))
        rates = rng.gamma(0.6, 1.6, len(MIMICS))
        return cls(
            kinds={kind: float(share) for kind, share in zip(METASTASES, shares, strict=True)},
            mimics={kind: int(min(rng.poisson(rate), 5)) for kind, rate in zip(MIMICS, rates, strict=True)},
            tumour=float(rng.uniform(0.2, 0.9)),
            t1=float(rng.uniform(0.7, 1.25)),
            t2=float(rng.uniform(0.6, 1.3)),
            adc=float(rng.uniform(0.7, 1.45)),
            flow=float(np.exp(rng.normal(0, 0.4))),
            rim=float(rng.uniform(0.2, 1.8)),
            scar_t1_s=float(rng.uniform(0.32, 1.0)),
            scar_rim=float(rng.uniform(0.2, 2.0)),
            liver_t1_s=float(rng.uniform(0.5, 0.75)),
            liver_t2_s=float(rng.uniform(0.030, 0.054)),
            liver_fat=float(rng.choice([rng.uniform(0, 0.05), rng.uniform(0.05, 0.3)])),
            bolus=Bolus(
                float(rng.uniform(11, 18)), float(rng.uniform(3.5, 6.0)), float(rng.uniform(1.0, 1.6))
            ),
            noise=float(rng.uniform(0.011, 0.020)),
        )

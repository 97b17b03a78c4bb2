"""The tissues of a phantom abdomen, healthy and diseased, with relaxation at 1.5 T, perfusion and diffusion.

Relaxation times are rounded from published averages (de Bazelaire et al., Radiology 230:652-659, 2004; Stanisz et
al., Magn Reson Med 54:507-512, 2005); what lesions look like is set by hand so that the enhancement patterns of
radiology textbooks come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

from .appearance import LiverAppearance
from .perfusion import Perfusion
from .tissue_signal import Tissue

# Fast flow leaves no signal once diffusion weighting begins.
FLOW_ADC = 15.0
LIVER_FLOW = Perfusion(arterial=0.0036, portal=0.0145, washout=0.07, artery_fraction=0.01)


@dataclass(frozen=True)
class LesionTissues:
    """A lesion as a core and a rim.

    Attributes:
        rim_share: thickness of the rim relative to the lesion's radius.
    """

    core: Tissue
    rim: Tissue
    rim_share: float = 0.2


def healthy_tissues(appearance: LiverAppearance) -> dict[str, Tissue]:
    """Every healthy tissue by name; the liver is this patient's."""
    return {
        "air": Tissue(1.0, 0.02, 1.0, density=0.02),
        "water": Tissue(3.5, 0.8, 3.0),
        "fat": Tissue(0.30, 0.060, 0.3, density=0.20),
        "marrow": Tissue(0.55, 0.050, 0.5, Perfusion(arterial=0.002, washout=0.02), density=0.6),
        "muscle": Tissue(0.90, 0.034, 1.5, Perfusion(arterial=0.0018, washout=0.012)),
        "bowel": Tissue(1.0, 0.060, 1.5, Perfusion(arterial=0.012, washout=0.04)),
        "contents": Tissue(1.6, 0.070, 2.0, density=0.7),
        "bile": Tissue(1.4, 0.40, 2.8),
        "kidney cortex": Tissue(0.97, 0.087, 2.0, Perfusion(arterial=0.055, washout=0.14)),
        "kidney medulla": Tissue(1.4, 0.085, 2.0, Perfusion(arterial=0.016, washout=0.02)),
        "spleen": Tissue(1.05, 0.079, 0.85, Perfusion(arterial=0.030, washout=0.09)),
        "blood": Tissue(1.4, 0.12, FLOW_ADC, Perfusion(artery_fraction=1.0)),
        "artery": Tissue(1.4, 0.12, FLOW_ADC, Perfusion(artery_fraction=1.0)),
        "vein": Tissue(1.4, 0.12, FLOW_ADC, Perfusion(portal_fraction=0.9)),
        "portal vein": Tissue(1.4, 0.12, FLOW_ADC, Perfusion(portal_fraction=1.0)),
        "liver": _liver(appearance),
    }


def _liver(appearance: LiverAppearance) -> Tissue:
    water = 1 - appearance.liver_fat
    return Tissue(appearance.liver_t1_s, appearance.liver_t2_s, 1.10, LIVER_FLOW, density=water)


def lesion_tissues(kind: str, appearance: LiverAppearance) -> LesionTissues:
    """Core and rim of a kind of metastasis or mimic, as they look in this patient."""
    liver = _liver(appearance)
    mimics = {
        "cyst": LesionTissues(*(Tissue(2.6, 0.45, 2.9),) * 2),
        "haemangioma": LesionTissues(
            Tissue(1.2, 0.15, 1.8, Perfusion(arterial=0.008, washout=0.006)),
            Tissue(1.2, 0.15, 1.8, Perfusion(arterial=0.030, washout=0.025)),
            0.3,
        ),
        "focal fat": LesionTissues(*(replace(liver, density=0.72 * liver.density),) * 2),
        "scar": LesionTissues(
            Tissue(appearance.scar_t1_s, 0.045, 0.95, Perfusion(arterial=0.0004)),
            Tissue(0.85, 0.062, 1.3, Perfusion(arterial=0.007 * appearance.scar_rim, washout=0.01)),
            0.25,
        ),
        "shunt": LesionTissues(
            *(replace(liver, perfusion=replace(LIVER_FLOW, arterial=3.5 * LIVER_FLOW.arterial)),) * 2
        ),
        "nodule": LesionTissues(
            *(Tissue(0.68, 0.055, 1.15, Perfusion(arterial=0.028, portal=0.002, washout=0.08)),) * 2
        ),
    }
    return mimics[kind] if kind in mimics else _metastasis(kind, appearance)


def _metastasis(kind: str, appearance: LiverAppearance) -> LesionTissues:
    cores = {
        "hypovascular": Tissue(1.00, 0.075, 1.15, Perfusion(arterial=0.0040, washout=0.015)),
        "hypervascular": Tissue(0.95, 0.080, 1.05, Perfusion(arterial=0.0300, washout=0.09)),
        "necrotic": Tissue(1.25, 0.120, 1.80, Perfusion(arterial=0.0005, washout=0.01)),
        "cystic": Tissue(2.00, 0.260, 2.40, Perfusion(arterial=0.0002, washout=0.01)),
    }
    share = {"hypovascular": 0.22, "hypervascular": 0.12, "necrotic": 0.36, "cystic": 0.16}[kind]
    viable = Tissue(0.95, 0.080, 1.0, Perfusion(arterial=0.015 * appearance.rim, washout=0.05))
    core, rim = (
        tissue.scaled(t1=appearance.t1, t2=appearance.t2, adc=appearance.adc, flow=appearance.flow)
        for tissue in (cores[kind], viable)
    )
    return LesionTissues(core, core if kind == "hypervascular" else rim, share)

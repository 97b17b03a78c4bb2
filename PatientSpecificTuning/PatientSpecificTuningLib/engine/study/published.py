"""The paper's figures, to compare with: centres of Tables 1 to 5 and of the text (Jansen et al., "Results").

Rows are named by what is varied: "base", a number of iterations, slices, or weights. The liver rows of one and two
slices selected among all slices are partly lost in the published table and are left out.
"""

from __future__ import annotations

LIVER_BASE = {"tpr": 0.67, "fpc": 3.0, "f1": 0.49}
LIVER_TUNED = {"tpr": 0.85, "fpc": 2.0, "f1": 0.57}
BRAIN_BASE = {"dice": 0.82, "avd": 20.7}
BRAIN_TUNED = {"dice": 0.87, "avd": 10.7}

PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "table1": {
        "base": LIVER_BASE,
        "50 iterations": {"tpr": 0.67, "fpc": 1.0, "f1": 0.40},
        "100 iterations": LIVER_TUNED,
        "500 iterations": {"tpr": 0.92, "fpc": 2.0, "f1": 0.50},
        "1000 iterations": {"tpr": 0.85, "fpc": 1.0, "f1": 0.50},
    },
    "table2": {
        "base": LIVER_BASE,
        "lesion-1": {"tpr": 0.67, "fpc": 4.0, "f1": 0.31},
        "lesion-2": {"tpr": 0.67, "fpc": 3.0, "f1": 0.31},
        "lesion-all": LIVER_TUNED,
        "organ-all": {"tpr": 0.67, "fpc": 0.0, "f1": 0.56},
    },
    "table3": {
        "base": LIVER_BASE,
        "unweighted": LIVER_TUNED,
        "weighted": {"tpr": 1.00, "fpc": 6.0, "f1": 0.42},
    },
    # One row for each number of slices: the same slices were selected among all and among lesion slices.
    "table4": {
        "base": BRAIN_BASE,
        "organ-1": {"dice": 0.86, "avd": 11.2},
        "organ-2": {"dice": 0.86, "avd": 10.7},
        "lesion-1": {"dice": 0.86, "avd": 11.2},
        "lesion-2": {"dice": 0.86, "avd": 10.7},
        "lesion-all": BRAIN_TUNED,
        "organ-all": {"dice": 0.87, "avd": 10.2},
    },
    "table5": {
        "base": BRAIN_BASE,
        "unweighted": BRAIN_TUNED,
        "weighted": {"dice": 0.86, "avd": 11.8},
    },
    # In words only: "a mean DSC around 0.87 and a mean AVD around 10%", 0.85 with 50 iterations.
    "iterations": {
        "base": BRAIN_BASE,
        "50 iterations": {"dice": 0.85, "avd": 10.0},
        "100 iterations": BRAIN_TUNED,
        "500 iterations": {"dice": 0.87, "avd": 10.0},
        "1000 iterations": {"dice": 0.87, "avd": 10.0},
    },
}

# The text's figures of the base CNN and of the one tuned on all lesion slices, by task.
PUBLISHED_OTHER: dict[str, dict[str, dict[str, float]]] = {
    "segmentation": {
        "base": {"hd95": 2.40, "recall": 0.84, "f1": 0.72},
        "unweighted": {"hd95": 2.01, "recall": 0.63, "f1": 0.72},
    },
    "detection": {
        "base": {"tpr_small": 0.13, "tpr_large": 0.81},
        "unweighted": {"tpr_small": 0.26, "tpr_large": 0.83},
    },
}
PUBLISHED_UNCERTAINTY: dict[str, dict[str, float]] = {
    "segmentation": {"base": 0.398, "tuned": 0.328},
    "detection": {"base": 0.203, "tuned": 0.158},
}
ORGAN_OF_TABLE = {
    "table1": "liver",
    "table2": "liver",
    "table3": "liver",
    "table4": "brain",
    "table5": "brain",
}

"""The mean of the weights of several models of one training, such as those kept on the way (stochastic weight averaging).

python Testing/environment.py Testing/Training/average_models.py WORK/all-300 WORK/all-350 WORK/all-400 --output FOLDER
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "PatientSpecificTuning"))

from PatientSpecificTuningLib.engine.network.model_folder import load_model
from PatientSpecificTuningLib.engine.network.model_folder import save_model


def main() -> None:
    """Write the mean with the card of the last model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="+", help="folders of the models")
    parser.add_argument("--output", type=Path, required=True, help="folder of their mean")
    options = parser.parse_args()
    states = [load_model(folder)[1].state_dict() for folder in options.models]
    card, network = load_model(options.models[-1])
    floating = {name for name, value in states[0].items() if value.is_floating_point()}
    mean = {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in floating}
    network.load_state_dict(mean, strict=False)
    save_model(options.output, card, network)


if __name__ == "__main__":
    main()

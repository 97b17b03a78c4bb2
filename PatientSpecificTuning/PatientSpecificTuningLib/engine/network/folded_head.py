"""The head as it runs outside tuning: batch normalisation folded into its weights, lesion against background."""

from __future__ import annotations

import torch
from torch import Tensor

from .frozen_trunk import has_fast_bfloat16
from .network import Head


class FoldedHead:
    """The head in inference mode as two products over pixels; exact up to rounding.

    Of two classes only the difference of the logits matters, so the second layer has one output.

    Attributes:
        hidden: (feature maps, hidden units) float32.
        shift: (hidden units,), added before the ReLU.
        output: (hidden units,), lesion minus background.
        bias: added to the logit.
        dropout: rates before the first and before the second layer.
    """

    def __init__(self, head: Head, *, device: str | torch.device = "cpu") -> None:
        norm = head.normalization
        assert norm.running_var is not None
        assert norm.running_mean is not None
        with torch.no_grad():
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            self.hidden = (head.hidden.weight * scale[:, None]).T.contiguous().to(device)
            self.shift = (norm.bias - norm.running_mean * scale).to(device)
            self.output = (head.output.weight[1] - head.output.weight[0]).to(device)
            self.bias = (head.output.bias[1] - head.output.bias[0]).to(device)
        self.dropout = (head.dropout_before.p, head.dropout_after.p)
        self.device = torch.device(device)

    def units(self, rows: Tensor) -> Tensor:
        """Hidden units before the ReLU, float32 (pixels, hidden units), from (pixels, feature maps)."""
        return torch.addmm(self.shift, rows.to(self.device, torch.float32), self.hidden)

    def logit(self, units: Tensor) -> Tensor:
        """Lesion logit, float32 (pixels,), from hidden units before the ReLU."""
        return torch.relu(units) @ self.output + self.bias

    def rough_logit(self, rows: Tensor) -> Tensor:
        """The same from the features with weights of bfloat16, where the device is fast in it; it errs by hundredths."""
        if not has_fast_bfloat16(self.device):
            return self.logit(self.units(rows))
        half = (part.to(torch.bfloat16) for part in (self.shift, rows.to(self.device), self.hidden))
        return self.logit(torch.addmm(*half).to(torch.float32))

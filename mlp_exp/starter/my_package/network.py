"""A network: any `nn.Module` whose constructor takes `in_features` and `out_features`."""

from torch import Tensor, nn


class Residual(nn.Module):
    """From rows `[B, in_features]` to predictions, or logits, `[B, out_features]`."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.first = nn.Linear(in_features, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Linear(width, width)
        self.head = nn.Linear(width, out_features)

    def forward(self, rows: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.first(rows))
        inner = self.second(self.dropout(self.norm(hidden)))
        out: Tensor = self.head(hidden + nn.functional.gelu(inner))
        return out

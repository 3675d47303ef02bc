"""Words that arguments take, as types. Importing them loads nothing, so that a command refuses another word at once."""

from typing import Literal

#: How members become one answer, see `ensemble.pooling.combine`.
Rule = Literal["vote", "average", "geometric", "mc-dropout"]

#: What the risk of the answers is guaranteed for, see `ensemble.abstention.promises`.
PromiseName = Literal["auto", "mixture", "material", "class"]

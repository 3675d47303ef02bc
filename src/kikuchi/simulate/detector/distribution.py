"""A parameter that varies: one small tagged form per distribution, as it is written in a TOML file."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

Kind = Literal["constant", "uniform", "normal", "loguniform", "choice"]


class Distribution(BaseModel):
    """Distribution of a parameter, drawn from once per pattern.

    In TOML, and wherever a model has such a field, it is written as one of::

        dose = 400                                   the same every time
        dose = { uniform = [100, 400] }              low, high
        dose = { normal = [400, 50] }                mean, standard deviation
        dose = { loguniform = [100, 4000] }          low, high, both above 0
        dose = { choice = [100, 1000], weights = [3, 1] }

    Parameters
    ----------
    kind
        Which distribution.
    values
        Its numbers, as above.
    weights
        Relative weights of a choice; empty for equal ones.

    Examples
    --------
    >>> bits = Distribution.model_validate({"choice": [8, 16], "weights": [3, 1]})
    >>> set(bits.draw(100, np.random.default_rng(1)).tolist()) == {8.0, 16.0}
    True
    >>> Distribution.model_validate(70).draw(2, np.random.default_rng(1))
    array([70., 70.])
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    values: Annotated[tuple[float, ...], Field(min_length=1)]
    weights: tuple[float, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_tagged_form(cls, raw: Any) -> Any:
        if isinstance(raw, bool):
            raise ValueError("a number or a table such as { uniform = [low, high] } is expected")
        if isinstance(raw, int | float):
            return {"kind": "constant", "values": (raw,)}
        if isinstance(raw, dict) and "kind" not in raw:
            tags = [key for key in raw if key != "weights"]
            if len(tags) != 1 or tags[0] not in ("constant", "uniform", "normal", "loguniform", "choice"):
                raise ValueError(
                    "exactly one of constant, uniform, normal, loguniform, choice is expected, "
                    f"not {', '.join(map(str, tags)) or 'none'}"
                )
            values = raw[tags[0]]
            if isinstance(values, int | float):
                values = (values,)
            return {"kind": tags[0], "values": values, "weights": raw.get("weights", ())}
        return raw

    @model_validator(mode="after")
    def _check_numbers(self) -> "Distribution":
        values = self.values
        if not np.isfinite(values).all():
            raise ValueError(f"{self.kind} has a number that is not finite")
        if self.kind == "constant" and len(values) != 1:
            raise ValueError("constant takes one number")
        if self.kind in ("uniform", "normal", "loguniform") and len(values) != 2:
            raise ValueError(f"{self.kind} takes two numbers")
        if self.kind in ("uniform", "loguniform") and values[0] > values[1]:
            raise ValueError(f"{self.kind} takes its lower number first")
        if self.kind == "loguniform" and values[0] <= 0:
            raise ValueError("loguniform takes numbers above 0")
        if self.kind == "normal" and values[1] < 0:
            raise ValueError("normal takes a standard deviation of at least 0")
        if self.weights:
            if self.kind != "choice" or len(self.weights) != len(values):
                raise ValueError("weights belong to a choice, one to each of its numbers")
            if min(self.weights) < 0 or sum(self.weights) <= 0:
                raise ValueError("weights are at least 0, and not all 0")
        return self

    @model_serializer
    def _to_tagged_form(self) -> dict[str, list[float]]:
        tagged = {str(self.kind): list(self.values)}
        return {**tagged, "weights": list(self.weights)} if self.weights else tagged

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw `n` values.

        Parameters
        ----------
        n
            How many.
        rng
            Where randomness comes from; a constant takes none of it.

        Returns
        -------
        numpy.ndarray
            Values, shape (n,), float64.
        """
        first, last = self.values[0], self.values[-1]
        match self.kind:
            case "constant":
                return np.full(n, first)
            case "uniform":
                return rng.uniform(first, last, n)
            case "normal":
                return rng.normal(first, last, n)
            case "loguniform":
                return np.exp(rng.uniform(np.log(first), np.log(last), n))
            case "choice":
                weights = np.asarray(self.weights) / np.sum(self.weights) if self.weights else None
                return rng.choice(np.asarray(self.values), size=n, p=weights)


def constant(value: float) -> Distribution:
    """Give the distribution that is always `value`.

    Examples
    --------
    >>> constant(20).values
    (20.0,)
    """
    return Distribution(kind="constant", values=(value,))


def between(low: float, high: float) -> Distribution:
    """Give the uniform distribution from `low` to `high`.

    Examples
    --------
    >>> between(0, 4).kind
    'uniform'
    """
    return Distribution(kind="uniform", values=(low, high))


def log_between(low: float, high: float) -> Distribution:
    """Give the log-uniform distribution from `low` to `high`.

    Examples
    --------
    >>> log_between(1, 100).kind
    'loguniform'
    """
    return Distribution(kind="loguniform", values=(low, high))

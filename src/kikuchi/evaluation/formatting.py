"""Numbers of an evaluation as the report prints them: three digits, and an interval where there is one."""

from typing import Any


def figure(name: str, caption: str) -> dict[str, str]:
    """Name a figure of the page; its caption is also the text for readers who cannot see it."""
    return {"name": name, "caption": caption, "alt": caption}


def cell(found: dict[str, Any]) -> tuple[float, float, float] | None:
    """Value and interval for a table cell, to three digits; None where there is no value."""
    if found["value"] is None:
        return None
    value, low, high = (
        float("nan") if found[k] is None else float(f"{found[k]:.3g}") for k in ("value", "low", "high")
    )
    return value, low, high


def digits(value: float | int | None) -> float | int | None:
    """Round a real number to three digits; whole numbers and None stay as they are."""
    return float(f"{value:.3g}") if isinstance(value, float) else value


def percent(value: float | None) -> str:
    """Format a share as per cent; "none" where there is none."""
    return "none" if value is None else f"{100 * value:.3g} %"


def percent_interval(found: dict[str, Any]) -> str:
    """Format a share as per cent with its interval; "none" where there is none."""
    if found["value"] is None:
        return "none"
    return f"{100 * found['value']:.3g} % [{100 * found['low']:.3g}, {100 * found['high']:.3g}]"


def times(found: dict[str, Any]) -> str:
    """Format a ratio with its interval."""
    numbers = cell(found)
    return "not to be compared" if numbers is None else "{:.3g} times [{:.3g}, {:.3g}]".format(*numbers)

"""Bundles whose members are all networks, for what only networks can do."""

from ensemble.errors import InputError
from kikuchi.bundle.bundle import Bundle


def require_networks(bundle: Bundle, what: str, remedy: str) -> None:
    """Refuse a bundle that was adapted to named phases: its first member is a matcher, which holds no weights.

    Parameters
    ----------
    bundle
        Any.
    what
        What cannot be done, after "a matcher", e.g. ``"has nothing inside to explain"``.
    remedy
        What to do in its place.

    Raises
    ------
    InputError
        A member is a matcher.
    """
    if any(member.kind == "matcher" for member in bundle.members):
        raise InputError(
            f"was adapted to named phases, and a matcher {what}", path=bundle.path, remedy=remedy
        )

"""What each reason for not answering caught."""

from typing import NamedTuple

from numpy.typing import ArrayLike

from ensemble.abstention.decide import STATUS_NAMES
from ensemble.validation import as_indices


class Caught(NamedTuple):
    """Patterns of one status, by what an answer would have been.

    Attributes
    ----------
    right
        The class put first is the truth.
    wrong
        It is another known class.
    foreign
        The truth is no known class, so that any answer is wrong.
    """

    right: int
    wrong: int
    foreign: int


def caught_by_reason(status: ArrayLike, winner: ArrayLike, labels: ArrayLike) -> dict[str, Caught]:
    """Count, for each status, what answering would have brought.

    Parameters
    ----------
    status
        `ensemble.abstention.Status` of each pattern, shape (N,).
    winner
        Class put first, shape (N,); -1 for none, which counts as wrong.
    labels
        True class indices, shape (N,); -1 where the truth is no known class.

    Returns
    -------
    By status name. Right ones among the abstentions are what caution cost, wrong and foreign ones what it
    saved; wrong and foreign ones among the solved are what slipped through.

    Raises
    ------
    InputError
        If the arrays differ in length.

    Examples
    --------
    >>> caught_by_reason([0, 0, 1, 2], [4, 4, 3, 2], [4, 5, 4, -1])["unfamiliar"]
    Caught(right=0, wrong=0, foreign=1)
    """
    s = as_indices(status, "status", high=len(STATUS_NAMES) - 1)
    first = as_indices(winner, "winner", (len(s),), low=-1)
    truth = as_indices(labels, "labels", (len(s),), low=-1)
    foreign = truth < 0
    right = ~foreign & (first == truth)
    found = {}
    for code, name in enumerate(STATUS_NAMES):
        here = s == code
        n_right, n_foreign = int((here & right).sum()), int((here & foreign).sum())
        found[name] = Caught(n_right, int(here.sum()) - n_right - n_foreign, n_foreign)
    return found

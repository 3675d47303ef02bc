"""Every reader of files, with small true inputs to start from: what `fuzz.py` mutates and what it calls."""

import tempfile
from pathlib import Path

from tests.fuzzing.answer_readers import ANSWER_READERS
from tests.fuzzing.own_readers import OWN_READERS
from tests.fuzzing.reader import Reader
from tests.fuzzing.scan_readers import SCAN_READERS
from tests.fuzzing.text_readers import TEXT_READERS

READERS: dict[str, Reader] = TEXT_READERS | SCAN_READERS | OWN_READERS | ANSWER_READERS


def scratch() -> Path:
    """Make a folder in memory where there is one: a million files need no disk."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None))

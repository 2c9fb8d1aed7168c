"""Work over processes, and machines on which they cannot be started."""

from errno import EROFS
from os import strerror
from unittest.mock import Mock

import pytest

from meshcil.core import processes
from meshcil.core.errors import InputError


def test_without_shared_memory_one_worker_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ProcessPoolExecutor", Mock(side_effect=OSError(EROFS, strerror(EROFS))))
    with pytest.raises(InputError, match=r"2 workers: cannot be started: Read-only .*--workers 1"), processes.mapper(2):
        pass
    with processes.mapper(1) as each:
        assert list(each(abs, [-1, 2])) == [1, 2]

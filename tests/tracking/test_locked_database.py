"""A database that another program writes to is waited for, and named when that takes too long."""

import sqlite3
from pathlib import Path

import pytest

from meshcil.core.errors import InputError
from meshcil.tracking.mlflow import _wait_until_writable


def test_a_locked_database_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    database = tmp_path / "mlflow.db"
    holder = sqlite3.connect(database, isolation_level=None)
    try:
        holder.execute("begin exclusive")
        with pytest.raises(InputError, match=r"mlflow.db: cannot be written \(database is locked\)\. End the program"):
            _wait_until_writable(database, seconds=0.05)
        assert f"waiting for {database}" in capsys.readouterr().err
        holder.execute("rollback")
        _wait_until_writable(database)
        assert capsys.readouterr().err == ""
    finally:
        holder.close()

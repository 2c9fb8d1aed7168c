"""The log has a line per job, in a chain, also when jobs of several processes end together."""

import subprocess
import sys
from pathlib import Path

import pytest

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage import log
from tests.lineage.test_record import job


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_job_adds_a_line_and_states_the_one_before() -> None:
    first, second = job("score", [], "results/a/scores.csv"), job("score", [], "results/b/scores.csv")
    assert first["log"] == log.START and second["log"] in log.read_log().digests
    job("score", [], "results/a/scores.csv", text="again")
    job("prepare", [], "data/prepared/d/dataset.json")
    record = Path("results/a/score.record.json")
    found = log.read_log()
    assert found.broken == 0 and set(found.jobs) == {record, Path("results/b/score.record.json")}
    assert len(found.jobs[record]) == 2 and found.jobs[record][-1] == sha256_file(record)


def test_many_processes_make_one_chain() -> None:
    text = "import sys; from pathlib import Path; from meshcil.lineage.log import append\n"
    text += "for i in range(40): append(Path(f'results/{sys.argv[1]}/{i}.record.json'), 'ab' * 32)\n"
    started = [subprocess.Popen([sys.executable, "-c", text, str(i)]) for i in range(3)]
    assert [one.wait(60) for one in started] == [0, 0, 0]
    found = log.read_log()
    assert len(found.jobs) == 120 and found.broken == 0


def test_half_a_line_is_not_continued() -> None:
    job("score", [], "results/a/scores.csv")
    whole = log.LOG.read_text()
    log.LOG.write_text(whole + log.head()[:30])
    job("score", [], "results/b/scores.csv")
    found = log.read_log()
    assert found.broken == 0 and len(found.jobs) == 2
    log.LOG.write_text(log.LOG.read_text().replace(f"\n{log.sha256_bytes(whole[:-1].encode())[:30]}\n", "\nother\n"))
    assert log.read_log().broken == 2


def test_a_log_that_cannot_be_written_is_named() -> None:
    log.LOG.mkdir(parents=True)
    with pytest.raises(InputError, match=r"lineage\.log: cannot be written"):
        job("score", [], "results/a/scores.csv")

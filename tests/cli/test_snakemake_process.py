"""How Snakemake is called: like its own command line, without the limit on jobs per second."""

import sys

import pytest

from meshcil.cli import snakemake_process


@pytest.mark.parametrize(("done", "code"), [(True, "0"), (False, "1")])
def test_the_limit_is_off_and_the_exit_code_is_snakemake_s(
    done: bool, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []

    def take(arguments, parser) -> bool:
        limits.append(arguments.max_jobs_per_timespan)
        return done

    monkeypatch.setattr(sys, "argv", ["snakemake", "--cores", "1"])
    monkeypatch.setattr("snakemake.cli.args_to_api", take)
    with pytest.raises(SystemExit, match=code):
        snakemake_process.main()
    assert limits == [None]


def test_an_error_is_printed_and_ends_with_code_one(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["snakemake", "--snakefile", "nowhere", "--cores", "1"])
    with pytest.raises(SystemExit, match="1"):
        snakemake_process.main()
    assert "nowhere" in capfd.readouterr().err

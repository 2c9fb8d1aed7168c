"""Command line of the project: `meshcil <command>`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from meshcil.cli.data import data

app = typer.Typer(pretty_exceptions_enable=False, no_args_is_help=True)
export = typer.Typer(
    no_args_is_help=True, help="Write the results for readers: as a crate, or as pages of a repository."
)
app.add_typer(export, name="export")

app.add_typer(data, name="data")


def _version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        from meshcil.core.code_digest import repository_root

        print(f"meshcil {version('meshcil')} in {repository_root()}")
        raise typer.Exit
    return wanted


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print version and checkout.")
    ] = False,
) -> None:
    """Class-incremental learning reproduced and audited (iNeMo, MEMO, ELI)."""
    from meshcil.cli.checkout import require_checkout

    # A clone verifies another folder, from wherever it is called.
    if "--help" not in sys.argv and sys.argv[1:2] != ["verify"]:
        require_checkout()


def _experiment_names(typed: str) -> list[str]:
    from meshcil.core.code_digest import repository_root

    *before, last = typed.split(",")
    names = sorted(path.stem for path in (repository_root() / "config/experiments").glob(f"{last}*.yaml"))
    return [",".join([*before, name]) for name in names]


Experiments = Annotated[
    str,
    typer.Argument(help="Names in config/experiments, separated by commas.", autocompletion=_experiment_names),
]


# Each command imports what it needs: a trace must not wait for the tables, nor a check for the records.


@app.command()
def check(
    experiments: Experiments,
    config: Annotated[Path | None, typer.Option(help="Folder with the configuration.")] = None,
) -> None:
    """Read experiments and everything they name, resolve every run, and say how much there is to do."""
    from meshcil.cli.check import amount, plan_of
    from meshcil.config.experiment import check_artifact_names
    from meshcil.core.code_digest import repository_root
    from meshcil.stages.checks import check_options

    folder = config or repository_root() / "config"
    plan = plan_of(experiments, folder)
    check_artifact_names(plan.experiments, folder)
    check_options(plan.experiments, folder)
    print(f"{experiments}: {amount(plan)}")


@app.command("list")
def show_names(
    kinds: Annotated[
        list[str] | None, typer.Argument(help="What to list: experiments, methods, datasets, protocols; all if absent.")
    ] = None,
) -> None:
    """Show the names that commands and configuration files know, a line each."""
    from meshcil.cli.list import listed

    print(listed(kinds or []))


Against = Annotated[
    str | None, typer.Option(help="Anchor to compare with: a digest, a file with one, a record, or a git revision.")
]
Signer = Annotated[
    Path | None, typer.Option(help="Public key (OpenSSH) that must have signed the file or tag of --against.")
]
Stamp = Annotated[Path | None, typer.Option(help="Time stamp (RFC 3161 answer) of reports/ANCHOR to check.")]
Authority = Annotated[Path | None, typer.Option(help="Certificates of the time stamp's authority (PEM).")]
Recompute = Annotated[int, typer.Option(min=0, help="Training steps to run again, drawn at random.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of that draw, to repeat one.")]


@app.command()
def audit(
    against: Against = None,
    signer: Signer = None,
    timestamp: Stamp = None,
    authority: Authority = None,
    recompute: Recompute = 0,
    seed: Seed = None,
) -> None:
    """Check that nothing between the data and the report was altered; exit code 1 when something was."""
    from meshcil.cli.anchored import Trust
    from meshcil.cli.audit import inspect, show
    from meshcil.cli.recomputation import Sample

    show(inspect(against, Trust(signer, timestamp, authority), Sample(recompute, seed)))


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="Folder with results, reports and data that somebody hands over.")],
    against: Against = None,
    signer: Signer = None,
    timestamp: Stamp = None,
    authority: Authority = None,
    recompute: Recompute = 0,
    seed: Seed = None,
) -> None:
    """Audit another folder by the code and settings of this fresh clone; nothing of the folder is run."""
    from meshcil.cli.anchored import Trust
    from meshcil.cli.audit import show
    from meshcil.cli.recomputation import Sample
    from meshcil.cli.verify import verify as inspect

    show(inspect(folder, against, Trust(signer, timestamp, authority), Sample(recompute, seed)))


@app.command()
def trace(
    file: Annotated[Path, typer.Argument(help="A file that the pipeline wrote, or a record.")],
    row: Annotated[
        str | None,
        typer.Option(
            help="Row of a table: what stands in its first columns, as many as tell it from the others, with `/` "
            "between them (`inemo`, `inemo/total-96`; in memory.csv `inemo/total-96/3` for step 3). The method may "
            "also be called by its label (`iNeMo`)."
        ),
    ] = None,
    column: Annotated[str | None, typer.Option(help="Column of the table, with or without its unit.")] = None,
    machine: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with the graph of jobs instead.")] = None,
) -> None:
    """Show where a file, or a number of a table, comes from: every job back to the data."""
    from meshcil.cli.trace import find_trace, show, write_page

    found = find_trace(file, row, column)
    if html is not None:
        write_page(found, html)
    else:
        show(found, machine=machine)


Model = Annotated[
    Path | None,
    typer.Option(
        help="Folder of a run. Without it, the newest of the finished iNeMo runs that know most classes; of its "
        "budgets the one that keeps most images."
    ),
]


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(help="Image files; the object in the middle, filling most of it.")],
    model: Model = None,
    out: Annotated[Path, typer.Option(help="Folder for the drawings.")] = Path("reports/predictions"),
    machine: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what an image shows and in which pose, and draw it over the image.

    The drawing is `<name>-overlay.png` in reports/predictions, which git leaves alone, or in the folder of `--out`.
    """
    from meshcil.cli.predict import predict_files

    predict_files(images, model, out, machine=machine)


@app.command()
def demo(
    model: Model = None,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8501,
) -> None:
    """Serve a page on this machine where one drops an image and hides parts of it."""
    from meshcil.cli.demo import serve

    serve(model, port)


@app.command()
def track(
    rebuild: Annotated[bool, typer.Option(help="Log again all records of the experiments that were logged.")] = False,
) -> None:
    """Log the records to MLflow again, for instance after mlflow.db was lost; what it still holds is kept."""
    from meshcil.cli.track import log_again
    from meshcil.core.errors import InputError

    if not rebuild:
        raise InputError("meshcil track", "needs `--rebuild`", "`make reproduce` logs what it runs by itself")
    for experiment, number in log_again().items():
        print(f"{experiment}: {number} records are in MLflow")


@app.command()
def submit(
    experiments: Experiments = "laptop",
    profile: Annotated[str | None, typer.Option(help="Kind of machine: a folder in workflow/profiles.")] = None,
    detach: Annotated[bool, typer.Option(help="Go on in the background, also after you log out.")] = False,
    cancel: Annotated[bool, typer.Option(help="First end the Slurm jobs that an earlier run left.")] = False,
) -> None:
    """Run experiments from data to report; finished work is kept. Explains what failed, if anything did."""
    from meshcil.cli import submit
    from meshcil.cli.summary import summary
    from meshcil.core.code_digest import repository_root

    check(experiments)
    if detach:
        process, log = submit.detach(experiments, profile, cancel=cancel)
        print(f"Started as process {process}; it prints to {log}. `meshcil status {experiments}` shows where it stands")
        return
    code = submit.submit(experiments, profile, cancel=cancel)
    if code in (0, submit.TRACKING_FAILED):
        print(f"\n{summary(experiments.split(','), repository_root() / 'config')}")
    if code:
        raise typer.Exit(code)


@app.command()
def status(
    experiments: Experiments = "laptop",
    runs: Annotated[bool, typer.Option("--runs", help="Show the runs logged to MLflow instead.")] = False,
) -> None:
    """Show which jobs are done, run, wait or failed and why, and about how long the rest will take."""
    from meshcil.cli.status import show_runs

    if runs:
        show_runs()
        return
    from meshcil.cli.check import plan_of
    from meshcil.cli.status import progress, show
    from meshcil.core.code_digest import repository_root

    print(show(progress(plan_of(experiments, repository_root() / "config")), experiments))


@app.command()
def doctor() -> None:
    """Say what this machine and folder lack and what to do about it; exit code 1 if runs would fail."""
    from meshcil.cli.doctor import diagnose, show

    findings = list(diagnose())
    print(show(findings))
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


@app.command()
def publish(
    sign: Annotated[
        Path | None, typer.Option(help="Private key (OpenSSH) that signs the anchor: reports/ANCHOR.sig.")
    ] = None,
) -> None:
    """Push the results to the DVC remote, after an audit, and say what to commit so that a clone finds them."""
    from meshcil.cli.publish import publish as push

    files = " ".join(push(sign))
    print(f"Pushed. Commit what points to it:\n  git add --force {files}\n  git commit -m 'Publish results'")


@app.command()
def restore(
    here: Annotated[
        str, typer.Option(help="Experiments whose results were copied into this folder by hand; fetches nothing.")
    ] = "",
) -> None:
    """Get the published results of this commit from the DVC remote, audit them, and train nothing."""
    from meshcil.cli.restore import restore as pull

    print(f"Restored; the audit found no difference. Left to run: {pull(here)}")


@export.command()
def crate(
    folder: Annotated[Path, typer.Argument(help="New folder.")],
    weights: Annotated[bool, typer.Option(help="Include the states of the networks.")] = False,
) -> None:
    """Write a Provenance Run Crate 0.5: report, tables, configuration, workflow, records, and what each job did."""
    from meshcil.cli.export import export_crate

    print(f"{folder}: {export_crate(folder, weights=weights)} files")


REPORTS = Path("reports")
Into = Annotated[Path, typer.Option(help="Copy of the repository to write into.")]


@export.command()
def readme(into: Into = Path()) -> None:
    """Rewrite the measured part of README.md and the pictures in docs/images from the report on `laptop`."""
    from meshcil.reporting.readme import rewrite_readme

    rewrite_readme(REPORTS, into / "README.md", into / "docs/images")


@export.command()
def claims(into: Into = Path()) -> None:
    """Rewrite REPRODUCIBILITY.md, and the README's claims and figure, from the results in docs/results."""
    from meshcil.reporting.reproducibility import rewrite_claims

    rewrite_claims(into / "docs/results", into / "config", into / "REPRODUCIBILITY.md", into / "README.md")


@export.command()
def results(
    experiments: Annotated[list[str], typer.Argument(help="Experiments that the report shows.")],
    into: Into = Path(),
) -> None:
    """Write a page per experiment, with its tables, figures, records and verdicts, into docs/results."""
    from meshcil.reporting.results import write_results

    for name in experiments:
        write_results(name, REPORTS, Path("config"), into / "docs/results")

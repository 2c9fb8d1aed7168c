"""The command `meshcil`: one module per command, of the command's name; `application` lists them."""


def main() -> None:
    """Run the command line (`meshcil.cli.__main__`), which says so where a package is missing."""
    from meshcil.cli.__main__ import main as run

    run()

"""`python -m meshcil.cli`, the same as `meshcil`."""

from meshcil.cli.application import main

if __name__ == "__main__":
    main()

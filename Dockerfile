# The whole pipeline with the packages of requirements.lock: `make image`, then for example
#   docker run --name smoke meshcil make reproduce EXPERIMENT=smoke; docker cp smoke:/meshcil/reports .
# Apptainer takes the same image: apptainer build meshcil.sif docker-daemon://meshcil:latest
FROM python:3.11-slim-bookworm

# git: records name the commit. make: the one command. procps and util-linux (flock) come into every run.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git make procps util-linux \
 && rm -rf /var/lib/apt/lists/*

# A user of its own, so that a mounted folder is not written by root.
RUN useradd --create-home --uid 1000 meshcil && mkdir /meshcil && chown meshcil /meshcil
USER meshcil
WORKDIR /meshcil

# The environment first: it changes only with the lock, the sources with every commit.
COPY --chown=meshcil Makefile pyproject.toml README.md requirements.lock dvc.yaml ./
COPY --chown=meshcil src/meshcil/__init__.py src/meshcil/
COPY --chown=meshcil src/snakemake_logger_plugin_meshcil src/snakemake_logger_plugin_meshcil
RUN make --no-print-directory setup && rm -rf ~/.cache

COPY --chown=meshcil . .
ENV PATH="/meshcil/.venv/bin:$PATH"
CMD ["meshcil", "--help"]

"""Names of the gates that decide which images are aligned; what they do is in `meshcil.aligners.gates`."""

ORACLE_GATES = ("task-oracle", "oracle-without-alignment")
"""Gates that are told whether an image shows an old class."""
GATES = (*ORACLE_GATES, "align-all", "pred-gate", "energy-gate", "max-conf")
"""All gates, in the order of tables."""

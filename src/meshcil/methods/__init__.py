"""Class-incremental methods; module ``icarl`` is method ``icarl``, its class is called ``Learner``."""

"""Settings of each method: module ``icarl`` holds the settings of method ``icarl``."""

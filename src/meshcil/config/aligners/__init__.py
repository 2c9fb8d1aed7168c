"""Settings of each aligner: module ``eli`` holds the settings of aligner ``eli``."""

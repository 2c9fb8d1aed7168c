"""Settings of each study: module ``two_tasks`` holds the settings of study ``two-tasks``."""

"""Tables, figures and the report: pure functions of scores and records; never imports torch."""

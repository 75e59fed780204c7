"""The report on standard output: in place on a terminal, lines in a file or pipe."""

"""Everything for a first look, started by one command and ended by Ctrl-C."""

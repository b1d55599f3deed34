"""The command line: everything that an operator does, each command one call of the engine."""

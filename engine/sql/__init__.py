"""The SQL of the engine: one file of named statements per module, and the migrations."""

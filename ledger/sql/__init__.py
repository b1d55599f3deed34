"""The SQL of the ledger: one file of named statements per module, and the migrations."""

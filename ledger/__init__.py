"""A double-entry ledger: accounts, transfers, posting, statements and proofs."""

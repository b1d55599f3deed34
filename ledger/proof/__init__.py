"""Proof that history was not changed: what is hashed, signed and handed out (docs/proofs.md).

`merkle` hashes the transfers of a batch into one root, `chain` links the batches, `heads` signs
the end of the chain, `receipt` leads from one transfer to a signed head. Nothing in here does
I/O but the two small files of `head_file` and `signing_key`; the sealer, the verifier and the
maker of receipts are in `ledger`.
"""

from ledger.proof.merkle import leaf_hash, merkle_root

__all__ = ["leaf_hash", "merkle_root"]

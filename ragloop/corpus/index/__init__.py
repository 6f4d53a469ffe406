"""The index: its table, ledger, searches and generations, the stored vectors, and what retention drops."""

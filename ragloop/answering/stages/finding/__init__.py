"""Which passages a question is answered from, and whether any answers it."""

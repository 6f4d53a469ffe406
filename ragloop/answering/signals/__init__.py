"""What besides likeness says whether a passage answers: exact terms, rare words, copies, a reranker's verdict."""

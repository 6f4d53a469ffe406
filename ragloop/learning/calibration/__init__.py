"""Where ragloop should abstain: a floor of the similarity for one embedder and one corpus, from questions."""

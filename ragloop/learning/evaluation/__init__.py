"""Evidence about an adapter: runs over questions, scores, the gate, reviews of the champion."""

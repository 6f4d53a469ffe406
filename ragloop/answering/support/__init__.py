"""Whether a sentence is borne out by passages: their statements, and the terms of both."""

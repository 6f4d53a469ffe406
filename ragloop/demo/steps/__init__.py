"""The steps of the story, those of one part of the loop in a file."""

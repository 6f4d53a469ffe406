"""What a word, a sentence and a citation mark are, in any language, and the forms in which texts are compared. Pure."""

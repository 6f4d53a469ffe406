"""What is done with a question before passages are looked for."""

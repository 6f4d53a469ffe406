"""Two configurations on the same golden questions: what each finds, answers and costs, and how far they differ."""

"""How much memory a training needs, how much there is, and what follows from both."""

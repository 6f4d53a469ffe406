"""Where the figures of a training go while it trains: numbers and hyperparameters, never a text of a row."""

"""What answers, training and storage cost."""

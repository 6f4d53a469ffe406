"""What a question means in its conversation: follow-ups made whole, parts, short forms, secrets. Pure."""

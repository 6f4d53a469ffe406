"""Which lane answers a topic, and when it moves."""

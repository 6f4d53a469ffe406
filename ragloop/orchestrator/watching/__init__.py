"""What `ragloop watch` does: look at queues and folders, and ring for their changes or apply them."""

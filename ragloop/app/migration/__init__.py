"""What an application knows of its topics: one file per area."""

"""Business processes, one file each; every one reads as a paragraph. They chain through events, never by importing."""

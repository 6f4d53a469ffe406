"""What is read from requests and written into replies."""

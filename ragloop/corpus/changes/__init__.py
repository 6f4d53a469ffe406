"""Single documents, as a queue names them."""

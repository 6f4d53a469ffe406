"""HTML as a reader sees it: what of a page is its content, and the blocks that it consists of."""

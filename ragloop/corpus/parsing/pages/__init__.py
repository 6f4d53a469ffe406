"""Pages of PDF files and of images: their lines, columns, form fields and fonts, and the recognition of text."""

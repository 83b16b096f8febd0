"""What is written about a gateway for other tools and people: a file a format, and the table of them."""

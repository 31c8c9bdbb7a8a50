"""Every session, kept from its first event on: facts in a SQLite database, and what can be made of them."""

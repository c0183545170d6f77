"""The order in which claims are looked at, and what is done about one of them."""

"""What speaks to the API server: reading a claim's surroundings, and carrying out what was decided."""

"""Whether explanations can be believed, and how long they take."""

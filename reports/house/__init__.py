"""How the project works for a stranger: the examples of a fresh clone, and how soon the command answers."""

"""Tables of crystallography: extinction classes and the codes of vendors' files."""

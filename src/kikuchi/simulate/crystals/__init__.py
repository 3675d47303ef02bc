"""Crystal structures: from files, isotypes and random ones, with their symmetry."""

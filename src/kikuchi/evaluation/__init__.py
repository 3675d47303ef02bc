"""How good a bundle is: who answers, scored, tabulated and drawn."""

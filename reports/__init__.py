"""Studies: the script that makes each, its committed results, the page that reads them."""

"""`python -m ensemble_cli` is the command `ensemble`."""

from ensemble_cli.main import main

main()

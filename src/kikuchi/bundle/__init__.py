"""The bundle that `fit` leaves on disk: its manifest, members' outputs and decision rules."""

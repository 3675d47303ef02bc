"""What `fit` leaves on disk: the bundle, its members' outputs, its decision rules."""

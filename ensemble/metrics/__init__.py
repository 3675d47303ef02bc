"""How good the probabilities, the abstentions and the detections are."""

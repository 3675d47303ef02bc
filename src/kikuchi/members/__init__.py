"""Build, train, store and run one member. Keras, NumPy and the standard library only."""

"""What an engineer of this project runs: ``python -m dev``. It is not part of what is installed."""

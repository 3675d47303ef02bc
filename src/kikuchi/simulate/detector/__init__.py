"""From a master pattern to a recorded pattern: geometry, projection, recording."""

"""Pictures of the pages, and how fast they answer."""

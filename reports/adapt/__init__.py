"""Study: a scan of named phases, from the command to the map."""

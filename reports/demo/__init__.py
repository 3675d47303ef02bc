"""What `ensemble demo` takes and finds."""

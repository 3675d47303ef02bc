"""The command `ensemble`: one thin file per command, no logic of its own."""

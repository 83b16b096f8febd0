"""What a unit is: who it is, what it shows and counts, what can be written to it. No frames, no sockets."""

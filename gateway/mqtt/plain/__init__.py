"""The plain convention: states, scalars, events and history as JSON, at topics of our own."""

"""The Homie convention 5.0: devices that describe themselves to home automation."""

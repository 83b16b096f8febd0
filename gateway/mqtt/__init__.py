"""MQTT: every meter's state and status on a broker, the user's or one that comes along."""

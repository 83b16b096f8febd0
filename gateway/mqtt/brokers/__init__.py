"""The broker that comes along where the user names none."""

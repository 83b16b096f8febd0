"""The configuration: the file that users write, checked, and the settings that the gateway is built from."""

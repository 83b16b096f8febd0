"""The ways in: TCP, UDP, TLS, serial lines. How bytes come and go; what is said stands outside."""

"""How requests are cut out of bytes, and answers put into them: TCP, RTU, ASCII. No sockets, no units."""

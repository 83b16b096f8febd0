"""How what is asked and said gets there: in turn, in pieces, again until it is answered, late or garbled.

Here are the timers, and the tasks of writes that wait for the station. What is said is decided elsewhere;
sockets and headers are in `port/`.
"""

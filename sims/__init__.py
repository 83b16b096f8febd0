"""The meter itself: what a Leviton Series 1000 or 2000 does with voltages and currents.

NumPy and the standard library only. No I/O, wall clock, asyncio or logging may enter this package.
"""

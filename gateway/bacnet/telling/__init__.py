"""What devices say unasked: changes of values to subscribers, alarms to recipients, questions of their own.

How it gets there is the business of `delivery/`. No event loop, no headers.
"""

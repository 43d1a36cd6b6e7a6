"""Which fields of an event a decision reads, found in its source.

Types are strict, so an event is only ever reached through names that can be followed: parameters, assignments,
``match`` and ``isinstance``. Where it goes somewhere that cannot be followed, all of it counts as read: what is found
may be more than what is read, not less. (An inner function is followed where it stands: it sees no later assignment.)
"""

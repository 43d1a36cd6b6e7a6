"""The same marketplace the textbook way, to be measured beside ours: the same decisions, another runtime.

A FastStream handler takes one message, in one SQLAlchemy session and one commit, and a relay polls an outbox table.
"""

"""The only objects through which two roles talk. What crosses is immutable; each object says who writes and who reads."""

"""Shipped fakes: time that tests move, an exchange in a child process. For our tests and for embedders' own."""

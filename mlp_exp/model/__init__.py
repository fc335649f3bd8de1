"""Networks: the plain modules, the stack that trains many as one, initialisation."""

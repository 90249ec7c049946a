"""How the facts of the package are made: names, questions, leaks and options."""

"""The clock of a program, wrong: containers share the machine's, which nobody may set."""

"""The suites of `./dash test`: what they run, how they are counted, what is remembered."""

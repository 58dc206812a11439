"""`python -m imgclf` is `imgclf`."""

from imgclf.cli import main

main()

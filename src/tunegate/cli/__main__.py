"""`python -m tunegate.cli`, for where the program's script is not on the path."""

from tunegate.cli import main

main()

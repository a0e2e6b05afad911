"""`python -m app` is the command line."""

from app.cli import main

main(prog_name="vestibule")

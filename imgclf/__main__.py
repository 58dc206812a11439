"""Starts the command line: `imgclf`, and `python -m imgclf`."""

import gc


def main() -> None:
    """Runs the command line with a patient garbage collector.

    Importing makes many objects and no garbage; to search them for cycles, at start and once more
    at the end, takes a seventh of the time of `imgclf predict PICTURE`.
    """
    gc.set_threshold(50_000, 100, 100)
    from imgclf.cli import main as run

    try:
        run()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()

"""The command line, as ``python -m xsurvey``."""

from xsurvey.cli.main import main

if __name__ == "__main__":
    main()

"""The command line as `python -m metergate`; nothing that users' tests import may need it."""

from gateway.cli import main

if __name__ == "__main__":
    main()

"""``python -m idempotent_lambda_toolkit.cli``: the same as the command `idempotent-lambda`."""

from idempotent_lambda_toolkit.cli import main

if __name__ == "__main__":
    main()

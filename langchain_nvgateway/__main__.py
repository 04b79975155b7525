"""`python -m langchain_nvgateway` is the command `nvgateway`."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()

"""`python -m gan_restore`: the command line."""

import sys

from gan_restore import cli

sys.exit(cli.main())

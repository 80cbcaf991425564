"""`gan-restore app`."""


def add_parser(commands) -> None:
  """Adds the command."""
  p = commands.add_parser("app", help="the web page", description=run.__doc__)
  p.add_argument("--port", type=int, default=7860)
  p.set_defaults(run=run)


def run(arguments) -> int:
  """Serves a web page that restores pictures, on this machine alone (needs the extra `app`)."""
  try:
    from gan_restore import app
  except ImportError as error:
    raise ValueError(f"{error}: install the extra, as in pip install 'gan_restore[app]'") from error
  app.build().launch(server_port=arguments.port)
  return 0

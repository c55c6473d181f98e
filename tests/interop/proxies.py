"""Proxies in front of our servers. Sockets are handed to them listening already, so that nobody has to wait."""

import contextlib
import os
import shutil
import socket

from harness import Program


def program(name):
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") or name


@contextlib.contextmanager
def nginx(directory, listen, proxy):
    """Runs nginx on a free port, and gives its address. `listen` and `proxy` are parts of its configuration."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n  ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
        config = directory / f"nginx-{port}.conf"
        config.write_text(f"""daemon off;
pid {directory}/nginx-{port}.pid;
error_log stderr warn;
events {{ }}
http {{
  access_log off;
  {temporary}
  server {{
    listen 127.0.0.1:{port} {listen}
    location / {{
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      {proxy}
    }}
  }}
}}
""")
        os.set_inheritable(listener.fileno(), True)
        with Program(program("nginx"), "-p", directory, "-e", "stderr", "-c", config, pass_fds=[listener.fileno()],
                     env={**os.environ, "NGINX": f"{listener.fileno()};"}) as running:
            yield f"localhost:{port}"
            running.signal()
            running.wait()
            # It remarks that it was given sockets, and nothing else.
            running.complaints = [line for line in running.complaints if "using inherited sockets" not in line]


@contextlib.contextmanager
def haproxy(directory, listen, server, timeout="60s"):
    """Runs HAProxy on a free port, and gives its address. `listen` and `server` are options of its bind and server
    lines; `timeout` ends WebSockets on which nothing moves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = directory / f"haproxy-{port}.cfg"
        config.write_text(f"""global
  maxconn 100
defaults
  mode http
  timeout connect 60s
  timeout client 60s
  timeout server 60s
  timeout tunnel {timeout}
frontend front
  bind fd@{listener.fileno()} {listen}
  default_backend back
backend back
  server ours {server}
""")
        os.set_inheritable(listener.fileno(), True)
        with Program(program("haproxy"), "-db", "-f", config, pass_fds=[listener.fileno()], ends_with=None) as running:
            yield f"localhost:{port}"
            running.signal()
            running.wait()
            # It tells what it does in the form of warnings.
            running.complaints = [line for line in running.complaints if "ALERT" in line]

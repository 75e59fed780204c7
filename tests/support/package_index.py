"""A package index of a test's own: as a company has one, with a password."""

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["PackageIndex"]

USER, PASSWORD = "reader", "let-me-in"
EXPECTED = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class PackageIndex:
    """Packages of one module each, served to whoever knows the password.

    Attributes:
        requests: the paths that were asked for with the password, in order.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self._files: dict[str, bytes] = {}
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index._answer(self)

            do_HEAD = do_GET  # noqa: N815 - the server's name for it

            def log_message(self, *_arguments: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """What pip's `index-url` has to be, with the password."""
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self._server.server_port}/simple"

    def add(self, name: str, version: str = "1.0") -> str:
        """Add a package with a module of its name, and return its line of a lock file."""
        wheel = _wheel(name, version)
        self._files[f"{name}-{version}-py3-none-any.whl"] = wheel
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel).hexdigest()}\n"

    @contextmanager
    def served(self) -> Iterator["PackageIndex"]:
        """Serve the packages while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.stop()
            thread.join()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        if request.headers.get("Authorization") != EXPECTED:
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="packages"')
            request.end_headers()
            return
        self.requests.append(request.path)
        kind, name = request.path.strip("/").split("/")
        found = self._page(name) if kind == "simple" else self._files.get(name)
        request.send_response(404 if found is None else 200)
        request.send_header("Content-Type", "text/html" if kind == "simple" else "application/zip")
        request.send_header("Content-Length", str(len(found or b"")))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(found or b"")

    def _page(self, name: str) -> bytes | None:
        links = [f'<a href="/files/{f}">{f}</a>' for f in self._files if f.startswith(f"{name}-")]
        return "".join(links).encode() if links else None


def _wheel(name: str, version: str) -> bytes:
    information = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in (*files, f"{information}/RECORD"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file, text in {**files, f"{information}/RECORD": record}.items():
            archive.writestr(file, text)
    return content.getvalue()

"""SQL lives in `.sql` files; this loads one and hands out its statements by name."""

from dataclasses import dataclass
from importlib.resources import files

_MARK = "-- name:"


@dataclass(frozen=True, slots=True)
class Queries:
    """The named statements of one `.sql` file."""

    source: str
    statements: dict[str, str]

    def get(self, name: str) -> str:
        """Return the text of a statement. Raises KeyError with the file's name if it has none."""
        try:
            return self.statements[name]
        except KeyError:
            raise KeyError(f"{self.source} has no statement {name!r}") from None


def load(package: str, module: str) -> Queries:
    """Read `module`.sql of a package. Each statement follows a line `-- name: its_name`.

    Raises ValueError when a name appears twice, FileNotFoundError when there is no such file.
    """
    source = f"{module}.sql"
    text = files(package).joinpath(source).read_text(encoding="utf-8")
    statements: dict[str, str] = {}
    for part in text.split(_MARK)[1:]:
        name, _, body = part.partition("\n")
        if name.strip() in statements:
            raise ValueError(f"{source} names {name.strip()!r} twice")
        statements[name.strip()] = body.strip().removesuffix(";")
    return Queries(source, statements)

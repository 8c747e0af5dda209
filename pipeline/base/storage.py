"""The home of a dataset: Parquet tables written whole or not at all, DuckDB that reads them, one run at a time.

Parquet is the truth. DuckDB lives in this module alone and only reads.

    HOME/tables/      published tables: NAME.parquet, or NAME/shard-000/*.parquet where work is per film
    HOME/private/     mode 0700: pseudonym key, path ledger, imported verdicts, stage stamps
    HOME/work/        caches that may be deleted
    HOME/releases/    what `write` made
    HOME/curated.duckdb, HOME/views.sql
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.base import pseudonyms, tables
from pipeline.base.errors import CxrError, HomeError, InputError, TableError
from pipeline.base.provenance import digest, file_sha256

if TYPE_CHECKING:
    import pandas as pd

MARKER = "cxr-home"
# `temporary_of`, and the log that DuckDB keeps beside such a file.
_TEMPORARY = re.compile(r"\..*\.(\d+)\.tmp(?:\.wal)?")
_LAYOUT = "1"
_ROW_GROUP = 262_144
# Of a table that is written piece by piece.
ROW_GROUP = 65_536
# Of a query that streams; what does not fit lies on the disk. More threads would need more of it.
_STREAM_MB, _STREAM_THREADS = 384, 1


class Home:
    """One dataset on disk.

    Args:
        root: folder of the home. Nothing is made until `create`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.tables = self.root / "tables"
        self.private = self.root / "private"
        self.work = self.root / "work"
        self.releases = self.root / "releases"

    def create(self) -> Home:
        """Make the folders; an existing home is left as it is.

        Raises:
            HomeError: the folder holds something else, or cannot be written.
        """
        marker = self.root / MARKER
        if self.root.exists() and not marker.exists() and any(self.root.iterdir()):
            raise HomeError(f"{self.root} is not empty and not a home", "give --home an empty or new folder")
        with disk_errors(self.root):
            for folder in (self.root, self.tables, self.work, self.releases):
                folder.mkdir(parents=True, exist_ok=True)
            self.private.mkdir(mode=0o700, exist_ok=True)
            self.private.chmod(0o700)
            if not marker.exists():
                atomic_bytes(marker, f"{_LAYOUT}\n".encode())
        return self

    def require(self) -> Home:
        """Refuse a folder that is not a home.

        Raises:
            HomeError: no run was ever made here.
        """
        if not (self.root / MARKER).exists():
            raise HomeError(f"{self.root} is not a home", "make one with: cxr run EXPORT --home HOME")
        return self

    def pseudonyms(self) -> pseudonyms.Pseudonyms:
        """The home's keyed pseudonyms; the key is made on first use."""
        return pseudonyms.load(self.private)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for one run; a lock dies with its process.

        Raises:
            HomeError: another run holds it.
        """
        path = self.private / "run.lock"
        with path.open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise HomeError(
                    "another run is using this home", "wait for it to end, or give this run a home of its own with --home"
                ) from error
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what killed processes were writing; what a living one writes (a verdict, say) is left alone."""
        for found in list(self.root.rglob(".*.tmp*")):
            writer = _TEMPORARY.fullmatch(found.name)
            if writer and not _lives(int(writer[1])):
                shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)

    # Tables ---------------------------------------------------------------------------------------------------------

    def path(self, name: str) -> Path:
        """File or folder of a table."""
        spec = tables.BY_NAME[name]
        if spec.private:
            return self.private / f"{name.removeprefix('private_')}.parquet"
        return self.tables / (name if spec.sharded else f"{name}.parquet")

    def exists(self, name: str) -> bool:
        """Whether the table was ever written."""
        return self.path(name).exists()

    def write(self, name: str, table: pa.Table) -> pa.Table:
        """Check, sort and write a table; the old one stays until the new one is whole.

        Raises:
            TableError: the table breaks its contract.
            HomeError: the disk is full or not writable.
        """
        if tables.BY_NAME[name].sharded:
            raise TableError(f"{name} is written by shard", "call write_part")
        table = tables.conform(name, table)
        self._put(self.path(name), table)
        return table

    def write_batches(self, name: str, batches: Iterable[pa.Table]) -> int:
        """Write a table of any length that comes in pieces sorted by its key; the old one stays until the new one is whole.

        Returns:
            Rows written.

        Raises:
            TableError: a piece breaks the contract, or pieces are out of order.
            HomeError: the disk is full or not writable.
        """
        spec, path, rows, last = tables.BY_NAME[name], self.path(name), 0, None
        temporary = temporary_of(path)
        with disk_errors(self.root):
            try:
                with pq.ParquetWriter(temporary, spec.schema, compression="zstd", compression_level=3) as writer:
                    for batch in batches:
                        # One chunk a column: pages are cut where chunks end, and bytes shall tell nothing of how rows came.
                        table = tables.conform(name, batch).combine_chunks()
                        if not table.num_rows:
                            continue
                        first, end = (tuple(table.column(column)[at].as_py() for column in spec.key) for at in (0, -1))
                        if last is not None and first <= last:
                            raise TableError(f"table {name}: its pieces are not sorted by {spec.key}", "mend the stage that writes it")
                        writer.write_table(table, row_group_size=_ROW_GROUP)
                        rows, last = rows + table.num_rows, end
                _sync(temporary)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        return rows

    def read(self, name: str, columns: Sequence[str] | None = None, *, shard: int | None = None) -> pa.Table:
        """A table, sorted by its key; of a sharded table all shards, or one.

        Raises:
            HomeError: the table was not made yet.
        """
        spec = tables.BY_NAME[name]
        if spec.sharded:
            parts = self.parts(name) if shard is None else self.parts(name, shard)
            wanted = None if columns is None else list(dict.fromkeys([*columns, *spec.key]))
            if not parts:
                self._require_table(name)
                found = tables.empty(name)
            else:
                import pyarrow.dataset as ds  # pulls in pandas, which a code location need not wait for

                found = ds.dataset(parts, schema=spec.schema, format="parquet").to_table(columns=wanted)
            found = found.sort_by([(column, "ascending") for column in spec.key])
            return found if columns is None else found.select(list(columns))
        self._require_table(name)
        return pq.read_table(self.path(name), columns=None if columns is None else list(columns), partitioning=None)

    def pieces(self, name: str, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Some columns of a table that is one file, in its order, so many rows at a time.

        Raises:
            HomeError: the table was not made yet.
        """
        self._require_table(name)
        return parquet_pieces(self.path(name), rows, columns)

    def _require_table(self, name: str) -> None:
        if not self.exists(name):
            raise HomeError(
                f"table {name} was not made yet",
                f"run the path up to its stage: cxr run EXPORT --home HOME --until {tables.BY_NAME[name].stage}",
            )

    def parts(self, name: str, shard: int | None = None) -> list[Path]:
        """Files of a sharded table, in order."""
        pattern = "shard-*/*.parquet" if shard is None else f"shard-{shard:03d}/*.parquet"
        return sorted(self.path(name).glob(pattern))

    def write_part(self, name: str, shard: int, table: pa.Table) -> Path:
        """Write one file of a sharded table, named by the digest of its keys and content; writing it again changes nothing."""
        # In one chunk: Parquet cuts its pages by chunks, and the same rows must be the same bytes.
        table = tables.conform(name, table).combine_chunks()
        folder = self.path(name) / f"shard-{shard:03d}"
        return self._put(folder / "part", table, lambda written: folder / f"{file_sha256(written)[:16]}.parquet")

    def table_digest(self, name: str) -> str | None:
        """What the table holds, as a digest; None when it was not made. Parts are named by their content, so names suffice."""
        if not self.exists(name):
            return None
        if tables.BY_NAME[name].sharded:
            return digest([part.relative_to(self.path(name)).as_posix() for part in self.parts(name)])
        return file_sha256(self.path(name))

    def _put(self, path: Path, table: pa.Table, name: Callable[[Path], Path] | None = None) -> Path:
        """Write a table as `path`, or as what `name` answers for the file that holds it."""
        temporary = temporary_of(path)
        with disk_errors(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                pq.write_table(table, temporary, compression="zstd", compression_level=3, row_group_size=_ROW_GROUP)
                _sync(temporary)
                return temporary.replace(path if name is None else name(temporary))
            finally:
                temporary.unlink(missing_ok=True)

    def check_foreign(self, name: str) -> list[str]:
        """Foreign keys that point nowhere, one sentence each; a target that was not made is skipped."""
        found = []
        for column, target in tables.BY_NAME[name].foreign:
            other, _, other_column = target.partition(".")
            if not (self.exists(name) and self.exists(other)):
                continue
            strays = f'SELECT count(*) AS n FROM {name} a ANTI JOIN {other} b ON a."{column}" = b."{other_column}"'
            count = self.sql(f'{strays} WHERE a."{column}" IS NOT NULL').column("n")[0]
            if count.as_py():
                found.append(f"{name}.{column}: {count} rows are not in {target}")
        return found

    # SQL ------------------------------------------------------------------------------------------------------------

    def sql(self, query: str) -> pa.Table:
        """Run one SELECT (SHOW, DESCRIBE, SUMMARIZE, EXPLAIN) over the published tables and views; nothing can be written or reached.

        Raises:
            InputError: DuckDB refuses the query, or it is not one that reads.
        """
        with duckdb.connect() as connection:
            # Readers see the published tables alone: no attached files, no network, no settings.
            connection.execute(self.views_sql(comments=False))
            connection.execute(f"SET allowed_directories = ['{_quote(self.tables)}']")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            try:
                kinds = [statement.type for statement in connection.extract_statements(query)]
                if len(kinds) != 1 or kinds[0] not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
                    raise InputError("this is not one reading statement", "write one SELECT; COPY is done by --format and cxr export")
                found: pa.Table = connection.sql(query).to_arrow_table()
            except duckdb.Error as error:
                raise InputError(f"the query does not run: {error}", 'list the tables with: cxr sql "SHOW TABLES"') from error
        return found

    def stream(self, query: str, reads: Sequence[str], rows: int, *, beside: Mapping[str, Path] | None = None) -> Iterator[pa.Table]:
        """Rows of one SELECT, so many at a time, in memory that does not grow: a sort or join that does not fit goes through `scratch`.

        Args:
            query: ends in an ORDER BY that names each row, or rows come in another order the next time. One sort and one join of few
                columns; several joins, or wide ones, may not fit.
            reads: the tables it is asked of.
            rows: in a piece; the last one is shorter. No rows are one empty piece.
            beside: name -> Parquet file that is asked as well.

        Raises:
            HomeError: a table was not made yet, the disk is full, or there are too many rows to sort them in this memory.
        """
        sources = {name: str(path) for name, path in (beside or {}).items()}
        with self.scratch() as spill, duckdb.connect() as connection:
            connection.execute(f"SET memory_limit = '{_STREAM_MB}MB'")
            connection.execute(f"SET threads = {_STREAM_THREADS}")
            connection.execute(f"SET temp_directory = '{_quote(spill)}'")
            for name in reads:
                self._require_table(name)
                if tables.BY_NAME[name].sharded and not self.parts(name):
                    connection.register(name, tables.empty(name))
                else:
                    sources[name] = str(self.path(name) / "*" / "*.parquet" if tables.BY_NAME[name].sharded else self.path(name))
            for name, source in sources.items():
                connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{_quote(source)}', hive_partitioning = false)")
            try:
                reader = connection.sql(query).to_arrow_reader(rows)
                found = (pa.Table.from_batches([batch]) for batch in reader)
                yield from pieces(chain([reader.schema.empty_table()], found), rows)
            except duckdb.OutOfMemoryException as error:
                raise HomeError(
                    f"a sort of so many rows does not fit {_STREAM_MB} MB", "raise _STREAM_MB in pipeline/base/storage.py"
                ) from error
            except duckdb.IOException as error:
                raise HomeError(
                    f"a query over {', '.join(reads)} broke off: {error}", f"see that the disk of {self.root} has room, and run again"
                ) from error

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder that is gone afterwards; the next run removes one that a killed run left. Below HOME/private, as paths may lie in it."""
        with disk_errors(self.root), tempfile.TemporaryDirectory(prefix=".", suffix=f".{os.getpid()}.tmp", dir=self.private) as folder:
            yield Path(folder)

    def views_sql(self, base: str | None = None, *, comments: bool = True) -> str:
        """CREATE VIEW and COMMENT statements for every table that exists.

        Args:
            base: folder of the tables as the client sees it; absolute when None.
            comments: whether tables and columns carry their sentences; they take longer than the views.
        """
        folder = _quote(base if base is not None else str(self.tables))
        lines: list[str] = []
        for spec in tables.PUBLISHED:
            if not self.exists(spec.name) or (spec.sharded and not self.parts(spec.name)):
                continue
            source = f"{folder}/{spec.name}/*/*.parquet" if spec.sharded else f"{folder}/{spec.name}.parquet"
            lines.append(f"CREATE OR REPLACE VIEW {spec.name} AS SELECT * FROM read_parquet('{source}', hive_partitioning = false);")
            lines.append(f"COMMENT ON VIEW {spec.name} IS '{_quote(spec.doc)}';")
            # A table of an earlier version lacks columns until its stage runs again.
            found = set(pq.read_schema(self.parts(spec.name)[0] if spec.sharded else self.path(spec.name)).names)
            known = (column for column in spec.columns if column.name in found)
            lines += [f"COMMENT ON COLUMN {spec.name}.\"{column.name}\" IS '{_quote(column.doc)}';" for column in known]
        for name, (doc, query) in tables.VIEWS.items():
            if all(self.exists(read) for read in tables.VIEW_READS[name]) and self.parts("images"):
                select = re.sub(r"\s+", " ", query).strip()
                lines += [f"CREATE OR REPLACE VIEW {name} AS {select};", f"COMMENT ON VIEW {name} IS '{_quote(doc)}';"]
        kept = lines if comments else [line for line in lines if line.startswith("CREATE")]
        return "\n".join(kept) + "\n"

    def publish_catalogue(self) -> None:
        """Write `views.sql` (open DuckDB in HOME and read it) and `curated.duckdb` (opens anywhere on this machine)."""
        atomic_bytes(self.root / "views.sql", self.views_sql("tables").encode())
        final = self.root / "curated.duckdb"
        temporary = temporary_of(final)
        with disk_errors(self.root):
            try:
                with duckdb.connect(temporary) as connection:
                    connection.execute(self.views_sql())
                temporary.replace(final)
            finally:
                temporary.unlink(missing_ok=True)


def pieces(found: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of so many, the last one shorter; of empty tables one."""
    waiting: list[pa.Table] = []
    is_first = True
    for table in found:
        waiting.append(table)
        while (n_rows := sum(one.num_rows for one in waiting)) >= rows:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, rows)
            is_first, waiting = False, [joined.slice(rows)] if n_rows > rows else []
    if waiting and (is_first or any(one.num_rows for one in waiting)):
        yield pa.concat_tables(waiting)


def parquet_pieces(path: Path, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Some columns of a Parquet file in its order, so many rows at a time; of an empty one an empty table."""
    with pq.ParquetFile(path) as file:
        chosen = file.schema_arrow.names if columns is None else list(columns)
        none = pa.schema([file.schema_arrow.field(name) for name in chosen]).empty_table()
        batches = (pa.Table.from_batches([batch]).cast(none.schema) for batch in file.iter_batches(rows, columns=chosen))
        yield from pieces(chain([none], batches), rows)


def side_by_side(key: str, first: Iterable[pa.Table], *others: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, ...]]:
    """Streams that are sorted by one column, cut alike: each piece of the first, and the rows of the others up to its last key.

    Of the others rows behind the last key of the first stream are left out.
    """
    cuts = [_Cut(key, iter(other)) for other in others]
    for table in first:
        end = table[key][-1] if table.num_rows else None
        yield table, *(cut.upto(end) for cut in cuts)


class _Cut:
    """What is left of a stream that is sorted by `key`."""

    def __init__(self, key: str, stream: Iterator[pa.Table]) -> None:
        self._key, self._stream = key, stream
        self._rest = next(stream)

    def upto(self, end: pa.Scalar | None) -> pa.Table:
        """Take the rows whose key is not above `end`; none where there is no end."""
        if end is None:
            return self._rest.slice(0, 0)
        taken = []
        while True:
            n = pc.sum(pc.less_equal(self._rest[self._key], end)).as_py() or 0
            taken.append(self._rest.slice(0, n))
            self._rest = self._rest.slice(n)
            following = None if self._rest.num_rows else next(self._stream, None)
            if following is None:
                return pa.concat_tables(taken)
            self._rest = following


def copy_parquet(relation: pa.Table, path: Path) -> None:
    """Write any Arrow table as one Parquet file, atomically: exports and query results."""
    temporary = temporary_of(path)
    with disk_errors(path.parent):
        try:
            pq.write_table(relation, temporary, compression="zstd", compression_level=3)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def copy_frame(rows: pd.DataFrame, path: Path) -> None:
    """Write rows, without their index, as one Parquet or CSV file, by the suffix of `path`, atomically."""
    if path.suffix == ".parquet":
        copy_parquet(pa.Table.from_pandas(rows, preserve_index=False), path)
    else:
        atomic_bytes(path, rows.to_csv(index=False, lineterminator="\n").encode())


def copy_batches(batches: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write Arrow tables of one schema as one Parquet file, atomically, one at a time in memory."""
    temporary = temporary_of(path)
    with disk_errors(path.parent):
        try:
            with pq.ParquetWriter(temporary, schema, compression="zstd", compression_level=3) as writer:
                for batch in batches:
                    if batch.num_rows:
                        writer.write_table(batch.combine_chunks())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def put_down(rows: Iterator[pa.Table], path: Path) -> Path:
    """Keep rows in a Parquet file for a later pass; the first table, which may be empty, tells their types."""
    first = next(rows)
    copy_batches(chain([first], rows), first.schema, path)
    return path


def temporary_of(path: Path) -> Path:
    """Where a file is written before it takes its name. Beside it, so that the last step is a rename; of this process alone."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's, and alive
    return True


def atomic_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = temporary_of(path)
    with disk_errors(path.parent):
        try:
            temporary.write_bytes(content)
            _sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def require_writable(path: Path, kinds: Sequence[str]) -> None:
    """Refuse a file that cannot be written before any work is done.

    Raises:
        InputError: its suffix is none of `kinds`, or its folder does not exist.
    """
    if kinds and path.suffix not in kinds:
        raise InputError(f"{path.name} ends in none of {', '.join(kinds)}", f"name it {path.stem}{kinds[0]}")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is not a folder", f"make it first: mkdir -p {path.parent}")


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the operating system's errors while writing into messages that name the remedy.

    Raises:
        HomeError: the disk is full, or the folder cannot be written.
    """
    try:
        yield
    except CxrError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(folder).free // 2**20 if folder.exists() else 0
            raise HomeError(
                f"the disk of {folder} is full ({free} MiB free)", "free some space and run again: finished work is kept"
            ) from error
        raise HomeError(f"{folder} cannot be written ({error.strerror})", "check the folder's owner and mode") from error


def _sync(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _quote(text: object) -> str:
    return str(text).replace("'", "''")

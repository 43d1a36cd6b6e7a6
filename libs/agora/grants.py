"""What each process may do in Kafka and in PostgreSQL, read off the contracts: that, and nothing more.

A service reads its own stream, in its own group, and writes to the streams that what it says is addressed to. A front
reads what its views hear. Kafka takes Read and Write to mean Describe as well; nobody has a right to the whole cluster.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from agora.papers.choreography import Choreography, Part
from agora.provision import IDLE_IN_TRANSACTION, Names, names_of
from agora.view import View

TRACES: Final = "traces"
TOPICS: Final = "topics"
OPERATOR: Final = "operator"
RELEASE: Final = "agora"
"""What Kafka's users are called after, unless told otherwise: ``agora-buyer``."""

KAFKA_ACLS: Final = 'kafka-acls.sh --bootstrap-server "$AGORA_KAFKA" --command-config admin.properties'

Operation: TypeAlias = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs"]
Kind: TypeAlias = Literal["topic", "group"]


class Grant(NamedTuple):
    """One thing that one user may do in Kafka; ``prefixed`` if ``name`` is only what the names begin with."""

    user: str
    operation: Operation
    kind: Kind
    name: str
    prefixed: bool = False


@dataclass(frozen=True, slots=True)
class Rights:
    """What one process needs, in the words of the choreography: streams, and groups without a namespace.

    ``shares`` says that there may be groups called ``<group>.<share>`` as well. A ``door`` hears no stream; it notes in
    its group, as an offset of its own one, how far it has published.
    ``makes`` are streams whose topics it makes and looks at. Whoever has a stream of its own has a database.
    """

    name: str
    stream: str = ""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    shares: bool = False
    door: bool = False

    def user(self, release: str = RELEASE) -> str:
        """Its name in Kafka."""
        return f"{release}-{self.name}"

    def postgres(self, namespace: str = "") -> Names | None:
        """Its database and roles, if it has any. Raises ``ProvisionError`` if the namespace names nothing."""
        return names_of(self.name, namespace) if self.stream else None

    def grants(self, release: str = RELEASE, namespace: str = "") -> tuple[Grant, ...]:
        """What Kafka has to let it do."""
        topics: tuple[tuple[Operation, tuple[str, ...]], ...] = (
            ("Read", self.reads),
            ("Write", self.writes),
            *((operation, self.makes) for operation in ("Create", "Describe", "DescribeConfigs")),
        )
        groups = [(group, False) for group in self.groups]
        groups += [(f"{group}.", True) for group in self.groups if self.shares]
        user = self.user(release)
        return (
            *(Grant(user, operation, "topic", namespace + stream) for operation, those in topics for stream in those),
            *(Grant(user, "Read", "group", namespace + group, prefixed) for group, prefixed in groups),
        )


def rights(whole: Choreography, views: Mapping[str, Sequence[View]]) -> tuple[Rights, ...]:
    """What every process needs: the services in their order, then traces, the maker of topics, and the operator.

    ``views`` are those that services show, by service.
    """
    services = [_service(part, whole, views.get(part.name, ())) for part in whole.parts]
    streams = _sorted(stream for one in services for stream in (one.stream, *one.writes))
    return (
        *services,
        Rights(TRACES, reads=streams, groups=(TRACES,)),
        Rights(TOPICS, makes=streams),
        Rights(OPERATOR, reads=streams),
    )


def kafka_lines(grants: Iterable[Grant]) -> list[str]:
    """Grants as commands for a shell: one for all names of a kind with which a user may do the same."""
    together: dict[tuple[str, Operation, Kind, bool], list[str]] = {}
    for user, operation, kind, name, prefixed in grants:
        together.setdefault((user, operation, kind, prefixed), []).append(name)
    return [_line(*key, names) for key, names in together.items()]


def sql(names: Names) -> str:
    """What makes one service's database and roles, for psql; again is no harm.

    Roles get no password here, and one without lets nobody in.
    """
    database, role, owner = names.database, names.role, names.owner
    return "\n".join(
        (
            _unless_there(f'CREATE ROLE "{owner}" LOGIN', "pg_roles", "rolname", owner),
            _unless_there(f'CREATE ROLE "{role}" LOGIN', "pg_roles", "rolname", role),
            f"ALTER ROLE \"{role}\" SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}';",
            f'GRANT "{owner}" TO CURRENT_USER; -- an administrator that is no superuser needs it for the next one',
            _unless_there(f'CREATE DATABASE "{database}" OWNER "{owner}"', "pg_database", "datname", database),
            f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC;',
            f'GRANT CONNECT ON DATABASE "{database}" TO "{owner}", "{role}";',
        )
    )


def _line(user: str, operation: Operation, kind: Kind, prefixed: bool, names: Iterable[str]) -> str:  # noqa: FBT001
    words = ["--add", "--allow-principal", f"User:{user}", "--operation", operation]
    words += [word for name in names for word in (f"--{kind}", name)]
    if prefixed:
        words += ["--resource-pattern-type", "prefixed"]
    return f"{KAFKA_ACLS} {shlex.join(words)}"


def _unless_there(statement: str, catalogue: str, column: str, name: str) -> str:
    """A statement that psql (by ``gexec``) carries out unless there is such a thing: it knows no IF NOT EXISTS."""
    there = f"EXISTS (SELECT FROM {catalogue} WHERE {column} = '{name}')"
    return f"SELECT '{statement}' WHERE NOT {there} \\gexec"


def _service(part: Part, whole: Choreography, views: Iterable[View]) -> Rights:
    to_itself = [event for event in part.hears if event in whole.own]
    shown = [stream.name for view in views for stream in view.hears]
    return Rights(
        part.name,
        part.stream,
        reads=_sorted([part.stream, *shown]),
        writes=_sorted(stream for event in (*part.says, *to_itself) for stream in whole.streams[event]),
        groups=(part.name,),
        shares=not part.ingress,
        door=part.ingress,
    )


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*names}))

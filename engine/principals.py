"""Who is asking: people and staff, as owners of secrets and as principals of a session."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from engine.audit_trail import Actor, ActorKind, Subject
from engine.permissions import Role


class OwnerKind(StrEnum):
    """Whom a password, a session or a one-time code belongs to."""

    PERSON = "person"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Owner:
    """A person or a member of staff, as the owner of secrets."""

    kind: OwnerKind
    id: UUID

    @property
    def person_id(self) -> UUID | None:
        """The person, if it is one."""
        return self.id if self.kind is OwnerKind.PERSON else None

    @property
    def staff_id(self) -> UUID | None:
        """The member of staff, if it is one."""
        return self.id if self.kind is OwnerKind.STAFF else None

    @property
    def subject(self) -> Subject:
        """As the audit trail names what was done to them."""
        return Subject(kind=self.kind, id=self.id)

    def as_actor(self, name: str) -> Actor:
        """As the audit trail names what they did."""
        return Actor(kind=ActorKind(self.kind.value), id=self.id, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPrincipal:
    """A person who is signed in."""

    session_id: UUID
    person_id: UUID
    number: str
    name: str

    @property
    def key(self) -> UUID:
        """Whose requests are counted together, over all sessions."""
        return self.person_id

    @property
    def owner(self) -> Owner:
        """Whose secrets these are."""
        return Owner(OwnerKind.PERSON, self.person_id)

    @property
    def actor(self) -> Actor:
        """As the audit trail names what they do."""
        return self.owner.as_actor(self.name)

    @property
    def login(self) -> str:
        """What they sign in with."""
        return self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffPrincipal:
    """A member of staff who is signed in, with the roles of this moment."""

    session_id: UUID
    staff_id: UUID
    name: str
    roles: frozenset[Role]

    @property
    def key(self) -> UUID:
        """Whose requests are counted together, over all sessions."""
        return self.staff_id

    @property
    def owner(self) -> Owner:
        """Whose secrets these are."""
        return Owner(OwnerKind.STAFF, self.staff_id)

    @property
    def actor(self) -> Actor:
        """As the audit trail names what they do."""
        return self.owner.as_actor(self.name)

    @property
    def login(self) -> str:
        """What they sign in with."""
        return self.name


Principal = PersonPrincipal | StaffPrincipal

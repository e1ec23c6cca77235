"""The contract of the transport: every promise of its protocol, inherited by the tests of each implementation."""

from __future__ import annotations

from tests.contract.transport.encryption import EncryptionContract
from tests.contract.transport.faults import FaultContract
from tests.contract.transport.framing import FramingContract
from tests.contract.transport.limits import LimitContract


class TransportContract(FramingContract, FaultContract, LimitContract, EncryptionContract):
    """All of it."""
